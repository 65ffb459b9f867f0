// Linear attention with its recurrent state.
import type { AnyTensor } from "../../attention/options.js";
import { checkLayout, checkShapes, type Heads, type Layout, packedStrides, readHeads } from "../../attention/heads.js";
import { float, knownOptions } from "../../checks.js";
import { composite, type Keep } from "../../composite.js";
import type { CallScope } from "../../engine/core.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import { contiguousRows, exactShape, floatCode, type Operand, operand, sameDType } from "../../operand.js";
import { broadcastStrides, flattenAxes, showShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { CONSTANTS, linearAttentionParameters, STATE_COLUMNS, STATE_TOKENS } from "../abi.generated.js";
import { layerKernels } from "../kernels.js";
import { coreOf } from "../load.js";
import { blank, dense } from "../temporaries.js";

export interface LinearAttentionOptions<T extends AnyTensor = AnyTensor> {
  /**
   * g, the logarithm of what the state is multiplied with before each token: one per head, [B, H, T], as in RetNet and Gated
   * DeltaNet, or one per channel of the key, [B, H, T, Dk], as in GLA. Axes of size 1 repeat. Default: the state is kept.
   */
  readonly decay?: T;
  /**
   * Rate of the delta rule, [B, H, T], axes of size 1 repeat: what is written is beta (v - S^T k), not v, so that a value that the
   * key had before is replaced. Keys should have length 1. Default: no delta rule.
   */
  readonly beta?: T;
  /** What queries are multiplied with; default 1 / sqrt(Dk). */
  readonly scale?: number;
  /** S to start from, [B, H, Dk, Dv] in either layout; default zeros. */
  readonly state?: T;
  /** Order of the axes of query, key, value, decay, beta and output; default BHSD. */
  readonly layout?: "BHSD" | "BSHD";
}

export interface LinearAttentionResult<T extends AnyTensor> {
  /** [B, Hq, T, Dv] in the rank, layout and dtype of the query */
  readonly output: T;
  /** S after the last token [B, H, Dk, Dv], in the dtype of the state that was given, else float32 */
  readonly state: T;
}

const OPTIONS = ["decay", "beta", "scale", "state", "layout"];

/**
 * Attention without a softmax, causal, over a state S [Dk, Dv] for each head instead of a cache. For each token
 * S = diag(e^g) S, u = v or beta (v - S^T k), S = S + k u^T, output = scale S^T q:
 * linear (Katharopoulos et al. 2020, equations 18 to 20); with `decay` gated, RetNet (Sun et al. 2023, equation 6) and GLA (Yang et
 * al. 2024, equation 3); with `beta` the delta rule, DeltaNet (Schlag, Irie and Schmidhuber 2021, equations 23 to 25); with both Gated
 * DeltaNet (Yang, Kautz and Hatamizadeh 2025, equation 10). S is float32 throughout; where a sequence is cut into calls
 * that hand on a float32 state makes no difference to the bits.
 * @param query [B, Hq, T, Dk], [H, T, Dk] or [T, Dk]
 * @param key [B, H, T, Dk], Hq a multiple of H: as many query heads read one state
 * @param value [B, H, T, Dv]
 */
export function linearAttention<T extends AnyTensor>(
  engine: Engine,
  query: T,
  key: T,
  value: T,
  options: LinearAttentionOptions<T> = {},
): LinearAttentionResult<T> {
  const core = coreOf(engine);
  knownOptions(options, OPTIONS);
  const layout = checkLayout(options.layout);
  const { decay, beta, state } = options;
  const inputs = Object.entries({ query, key, value, decay, beta, state })
    .filter(([, argument]) => argument !== undefined)
    .map(([name, argument]) => operand(core, name, argument));
  const sizes = checkInputs(inputs, layout);
  const scale = options.scale === undefined ? 1 / Math.sqrt(sizes.keySize) : float("scale", options.scale);
  const given = inputs.find(({ name }) => name === "state");
  const run = (tensors: Tensor[], keep: Keep) => {
    const past = given && dense(core, tensors.at(-1)!, keep);
    const carried = keep(blank(core, sizes.stateShape));
    const output = keep(blank(core, [...query.shape.slice(0, -1), sizes.valueSize]));
    const operands = tensors.map((tensor, i) => operand(core, inputs[i]!.name, tensor));
    core.call((scope) => runTokens(scope, operands, { layout, scale, past, state: carried, output }));
    return { output, state: carried };
  };
  const results = composite(core, inputs, ["output"], run, { state: given });
  return results as unknown as LinearAttentionResult<T>;
}

/** Throws unless all fit together. */
function checkInputs(inputs: readonly Operand[], layout: Layout) {
  const [query, key, value] = inputs.slice(0, 3).map((input) => readHeads(input, layout)) as [Heads, Heads, Heads];
  sameDType(query.operand, key.operand, value.operand);
  checkShapes(query, key, value, layout);
  if (key.length !== query.length) {
    throw wrongValue("ERR_SHAPE", `key must have as many tokens as query: expected ${query.length}, got ${key.length}`);
  }
  const { shape } = query.operand;
  const stateShape = [...leadOf(query), ...(shape.length > 2 ? [key.heads] : []), key.dim, value.dim];
  for (const input of inputs.slice(3)) {
    floatCode(input);
    if (input.name === "state") exactShape(input, stateShape);
    else readSteps(input, query, key, layout);
  }
  return { keySize: key.dim, valueSize: value.dim, stateShape };
}

/** The axes before heads, tokens and channels. */
const leadOf = ({ operand: { shape } }: Heads) => shape.slice(0, -3);

/** Byte strides of decay or beta over batch, heads and tokens, 0 where it repeats; and whether it has channels. */
function readSteps(argument: Operand, query: Heads, key: Heads, layout: Layout) {
  const { name, shape, strides } = argument;
  const rank = query.operand.shape.length;
  const lead = leadOf(query);
  const perHead = layout === "BHSD" ? [key.heads, key.length] : [key.length, key.heads];
  const target = [...lead, ...(rank === 2 ? [key.length] : perHead)];
  if (name === "decay" && shape.length === rank) {
    contiguousRows(argument);
    target.push(key.dim);
  } else if (shape.length !== rank - 1) {
    const ranks = name === "decay" ? `${rank - 1} or ${rank}` : rank - 1;
    throw wrongValue("ERR_SHAPE", `${name}.shape must have ${ranks} axes: got ${showShape(shape)}`);
  }
  const walked = broadcastStrides(name, shape, strides, target).map((stride) => stride * 4);
  const [, batch] = flattenAxes(name, lead, walked.slice(0, lead.length));
  const [first, second] = walked.slice(lead.length) as [number, number];
  const swapped = rank === 2 || layout === "BSHD";
  return {
    batch,
    head: rank === 2 ? 0 : swapped ? second : first,
    row: swapped ? first : second,
    channels: target.length === rank && walked.at(-1) !== 0 ? 1 : 0,
  };
}

/** Everything in memory as float32. */
function runTokens(scope: CallScope, operands: readonly Operand[], run: Run): void {
  const { layout, scale, past, state, output } = run;
  const [query, key, value] = operands.slice(0, 3).map((input) => readHeads(input, layout)) as [Heads, Heads, Heads];
  const named = (name: string) => operands.find((input) => input.name === name);
  const [decay, beta] = [named("decay"), named("beta")];
  const gates = decay && readSteps(decay, query, key, layout);
  const rates = beta && readSteps(beta, query, key, layout);
  const rows = packedStrides(query, value.dim, layout, 4);
  const parameters = scope.block(linearAttentionParameters, {
    batch: query.batch,
    heads: key.heads,
    group: key.heads === 0 ? 0 : query.heads / key.heads,
    length: query.length,
    keySize: key.dim,
    valueSize: value.dim,
    scale,
    query: query.operand.tensor!.address,
    queryBatch: query.batchStride,
    queryHead: query.headStride,
    queryRow: query.rowStride,
    key: key.operand.tensor!.address,
    keyBatch: key.batch === 1 ? 0 : key.batchStride,
    keyHead: key.headStride,
    keyRow: key.rowStride,
    value: value.operand.tensor!.address,
    valueBatch: value.batch === 1 ? 0 : value.batchStride,
    valueHead: value.headStride,
    valueRow: value.rowStride,
    decay: decay?.tensor?.address ?? 0,
    decayBatch: gates?.batch ?? 0,
    decayHead: gates?.head ?? 0,
    decayRow: gates?.row ?? 0,
    decayChannels: gates?.channels ?? 0,
    beta: beta?.tensor?.address ?? 0,
    betaBatch: rates?.batch ?? 0,
    betaHead: rates?.head ?? 0,
    betaRow: rates?.row ?? 0,
    past: past?.address ?? 0,
    state: state.address,
    output: output.address,
    outputBatch: rows.batch,
    outputHead: rows.head,
    outputRow: rows.row,
    scratch: scope.allocate(CONSTANTS + 4 * (4 * STATE_COLUMNS + key.dim * (STATE_COLUMNS + 2 * STATE_TOKENS))),
  });
  layerKernels(scope.core).attendLinearly(parameters);
}

interface Run {
  readonly layout: Layout;
  readonly scale: number;
  /** [B, H, Dk, Dv] both */
  readonly past: Tensor | undefined;
  readonly state: Tensor;
  readonly output: Tensor;
}
