// Multi-head attention in float64, by its equations, with everything our layer has beyond PyTorch's.
import type { HostTensor } from "../../src/index.js";

export interface Plan {
  readonly heads: number;
  readonly kvHeads: number;
  readonly concat?: boolean;
  readonly norm?: "rms" | "layer";
  readonly rotary?: boolean;
  readonly gate?: boolean;
  /** Whether query l sees key s of batch item n. */
  readonly sees?: (n: number, l: number, s: number) => boolean;
}

export type Weights = Record<string, HostTensor & { data: Float32Array<ArrayBuffer> }>;

/** y_o = b_o + sum_i W_oi x_i */
export function linear(
  x: number[],
  weight: { data: Float32Array; shape: readonly number[] },
  bias?: ArrayLike<number>,
): number[] {
  const [out, size] = weight.shape as [number, number];
  return Array.from({ length: out }, (_, o) =>
    x.reduce((sum, v, i) => sum + v * weight.data[o * size + i]!, bias?.[o] ?? 0),
  );
}

/** Separate weights of query, key and value, as the layer has them where they differ in size or are joined. */
function projections(w: Weights, E: number, width: number) {
  const bias = w.in_proj_bias?.data;
  const sizes = [E, width, width];
  let first = 0;
  return sizes.map((rows, i) => {
    const joint = w.in_proj_weight;
    const own = w[["q_proj_weight", "k_proj_weight", "v_proj_weight"][i]!];
    const weight = joint ? { data: joint.data.subarray(first * E, (first + rows) * E), shape: [rows, E] } : own!;
    const result = { weight, bias: bias?.subarray(first, first + rows) };
    first += rows;
    return result;
  });
}

export function normalize(x: number[], kind: "rms" | "layer", name: string, w: Weights): number[] {
  const mean = kind === "rms" ? 0 : x.reduce((s, v) => s + v, 0) / x.length;
  const variance = x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length;
  const scale = 1 / Math.sqrt(variance + (kind === "rms" ? 2 ** -23 : 1e-5));
  return x.map((v, i) => (v - mean) * scale * w[`${name}.weight`]!.data[i]! + (w[`${name}.bias`]?.data[i] ?? 0));
}

function turn(x: number[], position: number): number[] {
  const half = x.length / 2;
  return x.map((v, i) => {
    const angle = position * 10000 ** ((-2 * (i % half)) / x.length);
    return i < half
      ? v * Math.cos(angle) - x[i + half]! * Math.sin(angle)
      : v * Math.cos(angle) + x[i - half]! * Math.sin(angle);
  });
}

/** query [N][L][E], key [N][S][..], value [N][S][..] -> output [N][L][E] and weights [N][H][L][S] */
export function multiHead(query: number[][][], key: number[][][], value: number[][][], w: Weights, plan: Plan) {
  const { heads, kvHeads, norm, rotary } = plan;
  const E = query[0]![0]!.length;
  const D = E / heads;
  const [q, k, v] = projections(w, E, kvHeads * D);
  const scale = w.scale?.data[0];
  const positioned = (x: number[], h: number, name: string, position: number) => {
    let part = x.slice(h * D, (h + 1) * D);
    if (norm) part = normalize(part, norm, name, w);
    return rotary ? turn(part, position) : part;
  };
  const weights: number[][][][] = [];
  const output = query.map((rows, n) => {
    const ks = key[n]!.map((x) => linear(x, k!.weight, k!.bias));
    const vs = value[n]!.map((x) => linear(x, v!.weight, v!.bias));
    weights.push(Array.from({ length: heads }, () => []));
    return rows.map((x, l) => {
      const qs = linear(x, q!.weight, q!.bias);
      const joined = Array.from({ length: heads }, (_, h) => {
        const g = Math.floor((h * kvHeads) / heads);
        const own = positioned(qs, h, "q_norm", l);
        const scores = ks.map((row, s) => {
          if (plan.sees && !plan.sees(n, l, s)) return -Infinity;
          const other = positioned(row, g, "k_norm", s);
          if (plan.concat) {
            const sum = own.reduce((total, a, d) => total + Math.tanh((scale ?? 1) * (a + other[d]!)), 0);
            return w.concat_score_weight!.data[0]! * sum;
          }
          return own.reduce((total, a, d) => total + a * other[d]!, 0) * (scale ?? 1 / Math.sqrt(D));
        });
        const most = Math.max(...scores);
        const powers = scores.map((score) => (most === -Infinity ? 0 : Math.exp(score - most)));
        const total = powers.reduce((a, b) => a + b, 0) || 1;
        weights[n]![h]!.push(powers.map((p) => p / total));
        return Array.from({ length: D }, (_, d) =>
          powers.reduce((sum, p, s) => sum + (p / total) * vs[s]![g * D + d]!, 0),
        );
      }).flat();
      const gate = plan.gate && linear(x, w["gate_proj.weight"]!, w["gate_proj.bias"]?.data);
      const gated = gate ? joined.map((y, i) => y / (1 + Math.exp(-gate[i]!))) : joined;
      return linear(gated, w["out_proj.weight"]!, w["out_proj.bias"]?.data);
    });
  });
  return { output: output.flat(2), weights: weights.flat(3) };
}

/** [N, L, E] as nested arrays. */
export function nested({ data, shape }: { data: Float32Array; shape: readonly number[] }): number[][][] {
  const [N, L, E] = shape as [number, number, number];
  return Array.from({ length: N }, (_, n) =>
    Array.from({ length: L }, (_, l) => [...data.subarray((n * L + l) * E, (n * L + l + 1) * E)]),
  );
}
