// Additive attention (Bahdanau, Cho and Bengio 2015, eq. 6): score(q, k) = v . tanh(Wq q + Wk k + b).
import type { Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";
import { composite } from "../composite.js";
import { checkLinear, project } from "../layers/linear.js";
import { knownOptions } from "../checks.js";
import { contiguousRows, exactShape, type Operand, operand } from "../operand.js";
import { showShape } from "../shape.js";
import { Tensor, upload } from "../tensor.js";
import { runAttention } from "./attention.js";
import type { AnyTensor, AttentionOptions } from "./options.js";
import { planAttention } from "./plan.js";

/** Options of `engine.additiveAttention`: the weights, and what attention has for masks and results. */
export interface AdditiveOptions
  extends Pick<AttentionOptions, "causal" | "window" | "mask" | "bias" | "keyLengths" | "queryLengths" | "returnLse"> {
  /** Wq, float32 [A, Dq] as torch.nn.Linear keeps it; left out, the query is taken as projected. */
  readonly queryWeight?: AnyTensor;
  /** Wk [A, Dk]; left out, the key is taken as projected. */
  readonly keyWeight?: AnyTensor;
  /** b [A] */
  readonly keyBias?: AnyTensor;
  /** v [A] or [1, A]; left out, ones: the sum of the tanh, as Keras without use_scale. */
  readonly scoreWeight?: AnyTensor;
  /** Give `weights`, [B, Sq, Sk]. */
  readonly returnWeights?: boolean;
}

const WEIGHTS = ["queryWeight", "keyWeight", "keyBias", "scoreWeight"] as const;
const OPTIONS = [
  "causal",
  "window",
  "mask",
  "bias",
  "keyLengths",
  "queryLengths",
  "returnLse",
  "returnWeights",
] as const;

export interface AdditiveResult<T extends AnyTensor> {
  /** [B, Sq, Dv], or [Sq, Dv] */
  readonly output: T;
  readonly lse?: T;
  readonly weights?: T;
}

/** query [B, Sq, Dq], key [B, Sk, Dk], value [B, Sk, Dv], or all without B. */
export function additiveAttention<T extends AnyTensor>(
  core: Core,
  query: T,
  key: T,
  value: T,
  options: AdditiveOptions,
): AdditiveResult<T> {
  core.open();
  knownOptions(options, [...WEIGHTS, ...OPTIONS]);
  const inputs = [operand(core, "query", query), operand(core, "key", key), operand(core, "value", value)];
  const weights = new Map<string, Operand>();
  for (const name of WEIGHTS) if (options[name] !== undefined) weights.set(name, operand(core, name, options[name]));
  const dim = checkAdditive(inputs as [Operand, Operand, Operand], weights);

  const all = [...inputs, ...weights.values()];
  const names = [...weights.keys()];
  return composite(core, all, ["output"], (tensors, keep) => {
    const [q, k, v, ...given] = tensors as [Tensor, Tensor, Tensor];
    const weight = (name: string): Tensor | undefined => given[names.indexOf(name)];
    const projected = (x: Tensor, w: Tensor | undefined, bias?: Tensor) => (w ? keep(project(core, x, w, bias)) : x);
    // One head: axis H goes in before the sequence
    const withHead = (x: Tensor) => keep(x.unsqueeze(x.shape.length - 2));
    const score = weight("scoreWeight") ?? keep(upload(core, { data: new Float32Array(dim).fill(1), shape: [dim] }));
    const rank4 = {
      ...Object.fromEntries(OPTIONS.map((name) => [name, options[name]]).filter(([, value]) => value !== undefined)),
      ...(options.mask && { mask: maskWithHead(operand(core, "mask", options.mask), options.mask, keep) }),
      ...(options.bias && { bias: maskWithHead(operand(core, "bias", options.bias), options.bias, keep) }),
    } as AttentionOptions;
    const plan = planAttention(
      core,
      withHead(projected(q, weight("queryWeight"))),
      withHead(projected(k, weight("keyWeight"), weight("keyBias"))),
      withHead(v),
      rank4,
      operand(core, "scoreWeight", score),
    );
    const { output, lse, weights } = runAttention<Tensor>(core, plan);
    const withoutHead = (x: Tensor, axis: number) => keep(x).select(axis, 0);
    const lead = q.shape.length - 2;
    return {
      output: withoutHead(output, lead),
      ...(lse && { lse: withoutHead(lse, lead) }),
      ...(weights && { weights: withoutHead(weights, lead) }),
    } as Record<string, Tensor>;
  }) as unknown as AdditiveResult<T>;
}

/** A mask over [B, Sq, Sk] becomes one over [B, 1, Sq, Sk]. */
function maskWithHead({ shape }: Operand, mask: AnyTensor, keep: (tensor: Tensor) => Tensor): AnyTensor {
  if (shape.length !== 3) return mask;
  return mask instanceof Tensor ? keep(mask.unsqueeze(1)) : { ...mask, shape: shape.toSpliced(1, 0, 1) };
}

/** Checks shapes; returns A. */
function checkAdditive([query, key, value]: [Operand, Operand, Operand], weights: Map<string, Operand>): number {
  for (const { name, shape } of [query, key, value]) {
    if (shape.length !== query.shape.length || (shape.length !== 2 && shape.length !== 3)) {
      throw wrongValue("ERR_SHAPE", `${name}.shape must be [B, S, D] or [S, D], as query's: got ${showShape(shape)}`);
    }
  }
  const project = (x: Operand, weight: Operand | undefined, bias?: Operand) => {
    if (!weight) return x.shape.at(-1)!;
    checkLinear(x, weight, bias);
    return weight.shape[0]!;
  };
  if (weights.has("keyBias") && !weights.has("keyWeight")) {
    throw wrongValue("ERR_VALUE", "keyBias needs keyWeight");
  }
  const dim = project(query, weights.get("queryWeight"));
  const keyDim = project(key, weights.get("keyWeight"), weights.get("keyBias"));
  if (dim !== keyDim) {
    throw wrongValue("ERR_SHAPE", `projected query and key must be alike: got ${dim} and ${keyDim} channels`);
  }
  const score = weights.get("scoreWeight");
  if (score) {
    exactShape(score, score.shape.length === 2 ? [1, dim] : [dim]);
    contiguousRows(score);
  }
  const lead = query.shape.slice(0, -2);
  exactShape(value, [...lead, key.shape.at(-2)!, null]);
  exactShape(key, [...lead, null, null]);
  return dim;
}
