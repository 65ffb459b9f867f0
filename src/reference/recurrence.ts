// Linear attention and causal convolution, whose state goes from call to call, in float64.
import { count, type Operand, type Result } from "./operand.js";

export interface RecurrenceOptions {
  /** [B, H, T] or [B, H, T, Dk] */
  decay?: Operand | undefined;
  /** [B, H, T] */
  beta?: Operand | undefined;
  /** Default 1 / sqrt(Dk). */
  scale?: number | undefined;
  /** [B, H, Dk, Dv], default zeros */
  state?: Operand | undefined;
}

/**
 * S = diag(e^decay) S, u = v or beta (v - S^T k), S = S + k u^T, output = scale S^T q.
 * @param query [B, Hq, T, Dk]
 * @param key [B, H, T, Dk]
 * @param value [B, H, T, Dv]
 */
export function linearAttention(
  query: Operand,
  key: Operand,
  value: Operand,
  options: RecurrenceOptions = {},
): { output: Result; state: Result } {
  const [B, Hq, T, Dk] = query.shape as [number, number, number, number];
  const [H, Dv] = [key.shape[1]!, value.shape[3]!];
  const { decay, beta, scale = 1 / Math.sqrt(Dk) } = options;
  const state = Float64Array.from(options.state?.data ?? new Float64Array(B * H * Dk * Dv));
  const output = new Float64Array(B * Hq * T * Dv);
  const gate = (step: number, d: number) =>
    decay ? Math.exp(decay.data[decay.shape.length === 4 ? step * Dk + d : step]!) : 1;
  for (let head = 0; head < B * H; head++) {
    const S = state.subarray(head * Dk * Dv, (head + 1) * Dk * Dv);
    const read = (vector: Operand, row: number, m: number) => {
      let sum = 0;
      for (let d = 0; d < Dk; d++) sum += S[d * Dv + m]! * vector.data[row * Dk + d]!;
      return sum;
    };
    for (let t = 0; t < T; t++) {
      const step = head * T + t;
      for (let d = 0; d < Dk; d++) for (let m = 0; m < Dv; m++) S[d * Dv + m]! *= gate(step, d);
      const update = Float64Array.from({ length: Dv }, (_, m) => {
        const v = value.data[step * Dv + m]!;
        return beta ? beta.data[step]! * (v - read(key, step, m)) : v;
      });
      for (let d = 0; d < Dk; d++) {
        for (let m = 0; m < Dv; m++) S[d * Dv + m]! += key.data[step * Dk + d]! * update[m]!;
      }
      for (let g = 0; g < Hq / H; g++) {
        const row = (head * (Hq / H) + g) * T + t;
        for (let m = 0; m < Dv; m++) output[row * Dv + m] = scale * read(query, row, m);
      }
    }
  }
  return { output: { data: output, shape: [B, Hq, T, Dv] }, state: { data: state, shape: [B, H, Dk, Dv] } };
}

/**
 * y_t = bias + sum over j of weight_j x_(t - K + 1 + j), channel by channel.
 * @param x [B, C, T]
 * @param weight [C, 1, K]
 * @param bias [C]
 * @param state [B, C, K - 1], default zeros
 */
export function causalConv1d(
  x: Operand,
  weight: Operand,
  bias?: Operand,
  state?: Operand,
): { output: Result; state: Result } {
  const [B, C, T] = x.shape as [number, number, number];
  const before = weight.shape[2]! - 1;
  const at = (row: number, t: number) =>
    t >= 0 ? x.data[row * T + t]! : (state?.data[row * before + before + t] ?? 0);
  const output = Float64Array.from({ length: count(x.shape) }, (_, i) => {
    const row = Math.floor(i / T);
    let sum = bias?.data[row % C] ?? 0;
    for (let j = 0; j <= before; j++) {
      sum += weight.data[(row % C) * (before + 1) + j]! * at(row, (i % T) - before + j);
    }
    return sum;
  });
  const rest = Float64Array.from({ length: B * C * before }, (_, i) =>
    at(Math.floor(i / before), T - before + (i % before)),
  );
  return { output: { data: output, shape: x.shape }, state: { data: rest, shape: [B, C, before] } };
}
