// The oracle: attention in float64, one plain loop per step of the formula, nothing shared with the kernels.
//
//   output_i = sum_j w_ij v_j,  w_ij = e^(s_ij) / sum_j e^(s_ij)   (Vaswani et al. 2017, eq. 1)
//
// s goes through scale, softcap, bias and mask, in this order. Shapes are [B, H, S, D] (BHSD) throughout.
import { causalBounds, type Interval } from "./interval.js";
import { count, type Operand, type Result } from "./operand.js";
import { biasOf, type ScoreOptions, similarityOf, visibleTo } from "./scores.js";

/** The options of `engine.attention`, with plain operands; `visible` stands for the block mask. */
export interface ReferenceOptions extends ScoreOptions {
  /** Default 1 / sqrt(D) for `dot`, 1 for the other similarities. */
  readonly scale?: number;
  /** score -> softcap * tanh(score / softcap): Gemma 2 (2024), section 2 */
  readonly softcap?: number;
  /** [H]: one more logit in each row's denominator, with no value: Xiao et al. 2024; gpt-oss (2025) */
  readonly sinks?: ArrayLike<number>;
}

/** Scores after each step, [B, H, Sq, Sk]; what ONNX calls qk_matmul_output. */
export interface Stages {
  readonly scaled: Result;
  readonly capped: Result;
  /** -Infinity where a key is hidden */
  readonly masked: Result;
}

export interface ReferenceResult {
  /** [B, H, Sq, Dv] */
  readonly output: Result;
  /** [B, H, Sq]: log of the sum of e^score, the sink's included; -Infinity for a row without any key */
  readonly lse: Result;
  /** [B, H, Sq, Sk] */
  readonly weights: Result;
  readonly stages: Stages;
}

/**
 * @param query [B, H, Sq, D]
 * @param key [B or 1, Hk, Sk, D] with H a multiple of Hk: head h reads key head floor(h Hk / H) (Ainslie et al. 2023)
 * @param value [B or 1, Hk, Sk, Dv]
 */
export function attention(
  query: Operand,
  key: Operand,
  value: Operand,
  options: ReferenceOptions = {},
): ReferenceResult {
  const [B, H, Sq, D] = query.shape as [number, number, number, number];
  const [, , Sk] = key.shape as [number, number, number, number];
  const Dv = value.shape[3]!;
  const scale = options.scale ?? ((options.similarity ?? "dot") === "dot" ? 1 / Math.sqrt(D) : 1);

  const scores = { scaled: zeros([B, H, Sq, Sk]), capped: zeros([B, H, Sq, Sk]), masked: zeros([B, H, Sq, Sk]) };
  const weights = zeros([B, H, Sq, Sk]);
  const lse = zeros([B, H, Sq]);
  const output = zeros([B, H, Sq, Dv]);

  for (let b = 0; b < B; b++) {
    const interval = causalBounds(options, b, Sq, Sk);
    for (let h = 0; h < H; h++) {
      const queries = rowsOf(query, b, h, H);
      const keys = rowsOf(key, b, h, H);
      const values = rowsOf(value, b, h, H);
      for (let i = 0; i < Sq; i++) {
        const row = (b * H + h) * Sq + i;
        for (let j = 0; j < Sk; j++) {
          const at = row * Sk + j;
          const scaled = scale * similarityOf(options.similarity ?? "dot", queries[i]!, keys[j]!);
          const cap = options.softcap;
          const capped = cap === undefined ? scaled : cap * Math.tanh(scaled / cap);
          scores.scaled.data[at] = scaled;
          scores.capped.data[at] = capped;
          scores.masked.data[at] = scoreOf(options, interval, capped, b, h, i, j);
        }
        const sink = options.sinks?.[h] ?? -Infinity;
        softmaxRow(scores.masked.data, row * Sk, Sk, sink, weights.data, lse.data, row);
        weigh(weights.data, row * Sk, values, output.data, row * Dv);
      }
    }
  }
  return { output, lse, weights, stages: scores };
}

/** Bias and mask: a hidden key is -Infinity whatever its score, NaN included. */
function scoreOf(
  options: ReferenceOptions,
  interval: Interval,
  capped: number,
  b: number,
  h: number,
  i: number,
  j: number,
): number {
  if (!visibleTo(options, interval, b, h, i, j)) return -Infinity;
  const bias = biasOf(options, interval, b, h, i, j);
  return bias === -Infinity ? -Infinity : capped + bias;
}

/** Weights and log-sum-exp of one row of scores. */
function softmaxRow(
  scores: Float64Array,
  from: number,
  n: number,
  sink: number,
  weights: Float64Array,
  lse: Float64Array,
  row: number,
): void {
  let maximum = -Infinity;
  for (let j = 0; j < n; j++) {
    const score = scores[from + j]!;
    if (score > maximum || Number.isNaN(score)) maximum = score;
    if (Number.isNaN(maximum)) break;
  }
  if (maximum === -Infinity) {
    // No key: zeros and -Infinity, with a sink as without
    lse[row] = -Infinity;
    return;
  }
  maximum = Math.max(maximum, sink);
  let sum = sink === -Infinity ? 0 : Math.exp(sink - maximum);
  for (let j = 0; j < n; j++) {
    weights[from + j] = Math.exp(scores[from + j]! - maximum);
    sum += weights[from + j]!;
  }
  for (let j = 0; j < n; j++) weights[from + j] = weights[from + j]! / sum;
  lse[row] = maximum + Math.log(sum);
}

/** output_i = sum_j w_j v_j over the keys that weigh anything. */
function weigh(weights: Float64Array, from: number, values: Float64Array[], output: Float64Array, to: number): void {
  values.forEach((row, j) => {
    const weight = weights[from + j]!;
    if (weight === 0) return;
    for (let d = 0; d < row.length; d++) output[to + d] = output[to + d]! + weight * row[d]!;
  });
}

/** The rows head h reads: an operand with one batch item is shared by all, one with fewer heads by groups of them. */
function rowsOf(operand: Operand, b: number, h: number, H: number): Float64Array[] {
  const [batch, heads, length, size] = operand.shape as [number, number, number, number];
  const head = Math.floor((h * heads) / H);
  const first = ((batch === 1 ? 0 : b) * heads + head) * length;
  return Array.from({ length }, (_, s) => {
    const row = new Float64Array(size);
    for (let d = 0; d < size; d++) row[d] = operand.data[(first + s) * size + d]!;
    return row;
  });
}

function zeros(shape: readonly number[]): Result {
  return { data: new Float64Array(count(shape)), shape };
}
