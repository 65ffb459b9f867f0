// Recurrent networks by their equations in float64.
import type { HostTensor } from "../../src/index.js";

export type Cell = "rnn" | "relu" | "gru" | "lstm";
export type Weights = Record<string, HostTensor & { data: Float32Array<ArrayBuffer> }>;
export const GATES = { rnn: 1, relu: 1, gru: 3, lstm: 4 };
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** One layer and direction of one sequence [T][I]; the state of every step, and the last. */
export function runCell(
  cell: Cell,
  x: number[][],
  w: Weights,
  suffix: string,
  H: number,
  start: number[],
  c0: number[],
  reverse: boolean,
) {
  const map = (name: string, v: number[], gate: number, j: number) => {
    const weight = w[`weight_${name}_${suffix}`]!;
    const row = (gate * H + j) * v.length;
    return v.reduce((sum, x, i) => sum + x * weight.data[row + i]!, w[`bias_${name}_${suffix}`]!.data[gate * H + j]!);
  };
  let [h, c] = [start, c0];
  const outputs: number[][] = [];
  for (const t of reverse ? [...x.keys()].reverse() : x.keys()) {
    const both = (gate: number, j: number) => map("ih", x[t]!, gate, j) + map("hh", h, gate, j);
    const units = Array.from({ length: H }, (_, j) => j);
    if (cell === "lstm") {
      c = units.map((j) => sigmoid(both(1, j)) * c[j]! + sigmoid(both(0, j)) * Math.tanh(both(2, j)));
      h = units.map((j) => sigmoid(both(3, j)) * Math.tanh(c[j]!));
    } else if (cell === "gru") {
      h = units.map((j) => {
        const n = Math.tanh(map("ih", x[t]!, 2, j) + sigmoid(both(0, j)) * map("hh", h, 2, j));
        const z = sigmoid(both(1, j));
        return (1 - z) * n + z * h[j]!;
      });
    } else {
      h = units.map((j) => (cell === "relu" ? Math.max(both(0, j), 0) : Math.tanh(both(0, j))));
    }
    outputs[t] = h;
  }
  return { outputs, h, c };
}
