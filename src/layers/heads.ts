// What happens inside multi-head attention: projections into heads, attention, and the projection back. Everything between
// lies as [N, L, heads, head size], whichever order the caller's axes have.
import { runAttention } from "../attention/attention.js";
import type { AttentionOptions } from "../attention/options.js";
import { planAttention } from "../attention/plan.js";
import { type RotaryOptions, rotaryEmbedding } from "../attention/rotary.js";
import type { Keep } from "../composite.js";
import type { Core } from "../engine/core.js";
import { operand } from "../operand.js";
import { elements } from "../shape.js";
import { type Tensor, upload } from "../tensor.js";
import { ACTIVATION_SIGMOID, BINARY_MULTIPLY, MATRIX_ROWS } from "./abi.generated.js";
import { combined } from "./elementwise.js";
import type { Linear } from "./modules/linear.js";
import type { PackedParameter } from "./parameter.js";
import { multiply, type PackedMatrix, projectSequences, rowsOf, type Sequences } from "./product.js";
import { blank, dense, withTemporaries } from "./temporaries.js";

/** The weights of an attention layer and how they are used. */
export interface Heads {
  readonly core: Core;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** The weight of query, key and value in one, where there is one. */
  readonly joint: PackedParameter | undefined;
  /** Of query, key, value: 0, 1, 2 */
  matrix(i: number): PackedMatrix;
  bias(): Tensor | undefined;
  /** The learned key and value at the end. */
  added(): readonly [Tensor | undefined, Tensor | undefined];
  /** Keys at the end: the learned one, one of zeros. */
  readonly extra: number;
  scale(): number | undefined;
  readonly concat: (() => number) | undefined;
  readonly gate: Linear | undefined;
  readonly norms: readonly [{ run(x: Tensor): Tensor }, { run(x: Tensor): Tensor }] | undefined;
  readonly rotary: RotaryOptions | undefined;
  readonly outProj: Linear;
  readonly batchFirst: boolean;
}

export function runHeads(
  H: Heads,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions,
  needWeights: boolean,
  average: boolean,
): { output: Tensor; weights?: Tensor } {
  const { core } = H;
  const [output, weights] = withTemporaries<readonly (Tensor | undefined)[]>((keep) => {
    const [q, k, v] = projectAll(H, query, key, value, keep);
    const result = attend(
      H,
      positioned(H, q!, 0, keep),
      positioned(H, k!, 1, keep),
      v!,
      { ...options },
      needWeights,
      keep,
    );
    const back = projectBack(H, query, keep(result.output), keep);
    if (!result.weights) return [back];
    const all = keep(result.weights);
    const weights = average ? keep(meanOverHeads(core, all)) : all;
    return [back, query.shape.length === 3 ? weights : keep(weights.select(0, 0))];
  });
  return { output: output!, ...(weights && { weights }) };
}

/** @internal Keys and values as they go into a cache or an attention: [N, S, kv heads, head size]. */
export function projectKeys(H: Heads, key: Tensor, value: Tensor, keep: Keep): [Tensor, Tensor] {
  const [k, v] = [projectOne(H, key, 1, keep), projectOne(H, value, 2, keep)];
  return [k, v];
}

/** @internal */
export function projectQuery(H: Heads, query: Tensor, keep: Keep): Tensor {
  return projectOne(H, query, 0, keep);
}

function projectAll(H: Heads, query: Tensor, key: Tensor, value: Tensor, keep: Keep): Tensor[] {
  const self = query === key && query === value;
  if (!self || !H.joint?.seamless || H.extra > 0) {
    return [projectOne(H, query, 0, keep), ...projectKeys(H, key, value, keep)];
  }
  // One product three times as wide
  const { heads, headDim } = H;
  const x = sequencesOf(H, query, keep);
  const all = keep(blank(H.core, [x.batch, x.length, 3, heads, headDim]));
  const matrix = H.joint.matrix("in_proj_weight", 0, 3);
  projectSequences(H.core, x, matrix, H.bias()?.address ?? 0, batchFirst(all, 3 * heads * headDim));
  return [0, 1, 2].map((i) => keep(all.select(2, i)));
}

/** [N, S, heads, head size]: 0 the query, 1 the key, 2 the value, these two with the keys at the end. */
function projectOne(H: Heads, input: Tensor, i: number, keep: Keep): Tensor {
  const heads = i === 0 ? H.heads : H.kvHeads;
  const width = heads * H.headDim;
  const extra = i === 0 ? 0 : H.extra;
  const x = sequencesOf(H, input, keep);
  const to = keep(blank(H.core, [x.batch, x.length + extra, heads, H.headDim]));
  // q, k, v one after the other
  const before = i === 0 ? 0 : H.heads * H.headDim + (i - 1) * width;
  const bias = H.bias();
  const target = { ...batchFirst(to, width), length: x.length };
  projectSequences(H.core, x, H.matrix(i), bias ? bias.address + before * 4 : 0, target);
  if (extra > 0) writeExtra(H, to, x.length, width, H.added()[i - 1]);
  return to;
}

function writeExtra(H: Heads, to: Tensor, length: number, width: number, learned: Tensor | undefined): void {
  const { buffer } = H.core.memory.memory;
  const rows = length + H.extra;
  for (let n = 0; n < to.shape[0]!; n++) {
    const end = new Float32Array(buffer, to.address + (n * rows + length) * width * 4, H.extra * width);
    end.fill(0);
    if (learned) end.set(new Float32Array(buffer, learned.address, width));
  }
}

/** Queries (0) or keys (1) normalised and turned. */
function positioned(H: Heads, x: Tensor, i: 0 | 1, keep: Keep): Tensor {
  let result = x;
  if (H.norms) result = keep(H.norms[i].run(result));
  if (H.rotary) result = keep(rotaryEmbedding(H.core, result, { ...H.rotary, layout: "BSHD" }));
  return result;
}

/** @internal Queries and keys of new tokens at position `offset` and after. */
export function positionedAt(H: Heads, x: Tensor, i: 0 | 1, offset: number, keep: Keep): Tensor {
  return positioned({ ...H, rotary: H.rotary && { ...H.rotary, offset } }, x, i, keep);
}

/** @internal */
export function attend(
  H: Heads,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
  needWeights: boolean,
  keep: Keep,
): { output: Tensor; weights?: Tensor } {
  const { core } = H;
  const scale = H.scale();
  const all: AttentionOptions = {
    ...options,
    layout: "BSHD",
    ...(needWeights && { returnWeights: true }),
    ...(scale !== undefined && !H.concat && { scale }),
  };
  if (!H.concat) return runAttention<Tensor>(core, planAttention(core, q, k, v, all));
  // w sum_d tanh(s (q_d + k_d)): Bahdanau's score with one weight for all d
  const factor = keep(upload(core, { data: Float32Array.of(scale ?? 1), shape: [1] }));
  const [sq, sk] = [q, k].map((x) => keep(combined(core, BINARY_MULTIPLY, x, factor)));
  const score = keep(upload(core, { data: new Float32Array(H.headDim).fill(H.concat()), shape: [H.headDim] }));
  const plan = planAttention(core, sq, sk, v, all, operand(core, "concat_score_weight", score));
  return runAttention<Tensor>(core, plan);
}

/** [N, L, heads, head size] -> gated and projected, in the caller's order of axes. */
export function projectBack(H: Heads, query: Tensor, heads: Tensor, keep: Keep): Tensor {
  const width = H.heads * H.headDim;
  let x = heads;
  if (H.gate) {
    const gate = keep(blank(H.core, heads.shape));
    const bias = H.gate.biasAddress;
    const sigmoid = { kind: ACTIVATION_SIGMOID };
    projectSequences(H.core, sequencesOf(H, query, keep), H.gate.packedWeight, bias, batchFirst(gate, width), sigmoid);
    x = keep(combined(H.core, BINARY_MULTIPLY, heads, gate));
  }
  const output = keep(blank(H.core, query.shape));
  const to = sequencesOf(H, output, keep);
  projectSequences(H.core, batchFirst(x, width), H.outProj.packedWeight, H.outProj.biasAddress, to);
  return output;
}

/** The caller's tensor, [L, N, E], [N, L, E] or [L, E]. */
function sequencesOf(H: Heads, x: Tensor, keep: Keep): Sequences {
  const { shape } = x;
  if (shape.length === 2) {
    const { address, rows, stride } = rowsOf(H.core, x, keep);
    return { address, batch: 1, length: rows, batchStride: 0, rowStride: stride };
  }
  const packed = shape.at(-1) !== 1 && x.strides[2] !== 1 ? dense(H.core, x, keep) : x;
  const [batchAxis, lengthAxis] = H.batchFirst ? [0, 1] : [1, 0];
  return {
    address: packed.address,
    batch: shape[batchAxis]!,
    length: shape[lengthAxis]!,
    batchStride: packed.strides[batchAxis]! * 4,
    rowStride: packed.strides[lengthAxis]! * 4,
  };
}

/** A row-major tensor [N, L, ...] of `width` elements per row. */
function batchFirst(x: Tensor, width: number): Sequences {
  const [batch, length] = x.shape as [number, number];
  return { address: x.address, batch, length, batchStride: length * width * 4, rowStride: width * 4 };
}

/** [N, H, L, S] -> [N, L, S]: one row of 1 / H times the heads. */
function meanOverHeads(core: Core, weights: Tensor): Tensor {
  const [N, heads, L, S] = weights.shape as [number, number, number, number];
  return withTemporaries((keep) => {
    const ones = keep(upload(core, { data: new Float32Array(heads).fill(1 / heads), shape: [heads] }));
    const mean = keep(blank(core, [N, L, S]));
    if (elements(mean.shape) === 0) return mean;
    multiply(core, {
      batch: N,
      rows: 1,
      columns: L * S,
      depth: heads,
      a: ones.address,
      aRow: heads * 4,
      kind: MATRIX_ROWS,
      b: weights.address,
      bBatch: heads * L * S * 4,
      bRow: L * S * 4,
      c: mean.address,
      cBatch: L * S * 4,
      cRow: L * S * 4,
    });
    return mean;
  });
}
