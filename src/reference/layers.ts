// The other operations of the engine, in float64: additive attention, pooling, linear maps, rotary positions, merging.
import { attention, type ReferenceOptions, type ReferenceResult } from "./attention.js";
import { count, type Operand, type Result } from "./operand.js";

/** x [.., In] times weight [Out, In] plus bias [Out]: torch.nn.functional.linear */
export function linear(x: Operand, weight: Operand, bias?: Operand): Result {
  const [Out, In] = weight.shape as [number, number];
  const shape = [...x.shape.slice(0, -1), Out];
  const data = Float64Array.from({ length: count(shape) }, (_, at) => {
    const row = Math.floor(at / Out) * In;
    const o = at % Out;
    let sum = bias ? bias.data[o]! : 0;
    for (let i = 0; i < In; i++) sum += x.data[row + i]! * weight.data[o * In + i]!;
    return sum;
  });
  return { data, shape };
}

/**
 * Bahdanau et al. 2015, section 3.1: score = v . tanh(q + k) for queries and keys that are already projected.
 * @param query [B, Sq, A]
 * @param key [B, Sk, A]
 * @param value [B, Sk, Dv]
 * @param score v, [A]
 */
export function additiveAttention(
  query: Operand,
  key: Operand,
  value: Operand,
  score: ArrayLike<number>,
  options: ReferenceOptions = {},
): ReferenceResult {
  const [B, Sq, A] = query.shape as [number, number, number];
  const Sk = key.shape[1]!;
  const bias = Float64Array.from({ length: B * Sq * Sk }, (_, at) => {
    const row = Math.floor(at / Sk);
    const q = row * A;
    const k = (Math.floor(row / Sq) * Sk + (at % Sk)) * A;
    let sum = 0;
    for (let a = 0; a < A; a++) sum += score[a]! * Math.tanh(query.data[q + a]! + key.data[k + a]!);
    return sum;
  });
  const empty = (S: number): Operand => ({ data: [], shape: [B, 1, S, 0] });
  return attention(
    empty(Sq),
    empty(Sk),
    { data: value.data, shape: [B, 1, Sk, value.shape[2]!] },
    {
      ...options,
      scale: 1,
      bias: { data: bias, shape: [B, 1, Sq, Sk] },
    },
  );
}

/** The seed document's sections 4.1 and 4.2 as meant: scores are the row sums of x x^T, x [B, N, D]. */
export function attentionPooling(x: Operand): { context: Result; weights: Result; scores: Result } {
  const [B, N, D] = x.shape as [number, number, number];
  const scores = Float64Array.from({ length: B * N }, (_, at) => {
    const b = Math.floor(at / N);
    let sum = 0;
    for (let m = 0; m < N; m++) {
      for (let d = 0; d < D; d++) sum += x.data[at * D + d]! * x.data[(b * N + m) * D + d]!;
    }
    return sum;
  });
  const empty = (S: number): Operand => ({ data: [], shape: [B, 1, S, 0] });
  const { output, weights } = attention(
    empty(1),
    empty(N),
    { data: x.data, shape: [B, 1, N, D] },
    {
      scale: 1,
      bias: { data: scores, shape: [B, 1, 1, N] },
    },
  );
  return {
    context: { data: output.data, shape: [B, D] },
    weights: { data: weights.data, shape: [B, N] },
    scores: { data: scores, shape: [B, N] },
  };
}

/**
 * Su et al. 2021 (RoFormer), eq. 34: pair i of the first `rotaryDim` channels turns by position * base^(-2i / rotaryDim).
 * @param x [B, H, S, D]
 * @param turn cosine and sine of pair i at (b, s)
 */
export function rotaryEmbedding(
  x: Operand,
  rotaryDim: number,
  interleaved: boolean,
  turn: (b: number, s: number, i: number) => readonly [cos: number, sin: number],
): Result {
  const [, H, S, D] = x.shape as [number, number, number, number];
  const data = Float64Array.from(x.data);
  const half = rotaryDim / 2;
  for (let row = 0; row * D < data.length; row++) {
    for (let i = 0; i < half; i++) {
      const [cos, sin] = turn(Math.floor(row / (H * S)), row % S, i);
      const first = row * D + (interleaved ? 2 * i : i);
      const second = first + (interleaved ? 1 : half);
      const [u, v] = [data[first]!, data[second]!];
      data[first] = u * cos - v * sin;
      data[second] = u * sin + v * cos;
    }
  }
  return { data, shape: x.shape };
}

/** Rabe and Staats 2021: output = sum_p e^(lse_p - lse) output_p over disjoint keys. */
export function mergeAttention(parts: readonly { output: Operand; lse: Operand }[]): { output: Result; lse: Result } {
  const { output, lse } = parts[0]!;
  const Dv = output.shape.at(-1)!;
  const merged = { data: new Float64Array(output.data.length), shape: output.shape };
  const total = { data: new Float64Array(lse.data.length).fill(-Infinity), shape: lse.shape };
  for (let row = 0; row < lse.data.length; row++) {
    const maximum = Math.max(...parts.map((part) => part.lse.data[row]!));
    if (maximum === -Infinity) continue;
    const sum = parts.reduce((l, part) => l + Math.exp(part.lse.data[row]! - maximum), 0);
    total.data[row] = maximum + Math.log(sum);
    for (const part of parts) {
      const weight = Math.exp(part.lse.data[row]! - maximum) / sum;
      if (weight === 0) continue;
      for (let d = 0; d < Dv; d++) {
        merged.data[row * Dv + d] = merged.data[row * Dv + d]! + weight * part.output.data[row * Dv + d]!;
      }
    }
  }
  return { output: merged, lse: total };
}
