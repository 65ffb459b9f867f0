// The tensors of the command-line tests, and what attention makes of them in plain float64.
import * as assert from "uvu/assert";
import type { FileTensor } from "../../src/formats/file-tensor.js";
import { writeNpy } from "../../src/formats/npy.js";
import type { Folder } from "./program.js";

let state = 5;
/** Numbers from -1 to 1, always the same. */
export function tensor(...shape: number[]): FileTensor {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return { data, shape, dtype: "float32" };
}
export const bools = (shape: number[], value: (i: number) => boolean): FileTensor => ({
  data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Number(value(i))),
  shape,
  dtype: "bool",
});

export const [H, SQ, SK, D] = [2, 5, 7, 4];
export const query = tensor(1, H, SQ, D);
export const key = tensor(1, H, SK, D);
export const value = tensor(1, H, SK, 3);
export const bias = tensor(H, SQ, SK);
export const mask = bools([SQ, SK], (i) => i % 3 !== 1);
export const relative = tensor(H, 5);
export const buckets = tensor(8, H);
export const sinks = Float32Array.of(0.5, -1);
/** Writes the tensors as q.npy, k.npy, v.npy and so on. */
export function writeTensors(folder: Folder): void {
  folder.write("q.npy", writeNpy(query));
  folder.write("k.npy", writeNpy(key));
  folder.write("v.npy", writeNpy(value));
  folder.write("bias.npy", writeNpy(bias));
  folder.write("mask.npy", writeNpy(mask));
  folder.write("relative.npy", writeNpy(relative));
  folder.write("buckets.npy", writeNpy(buckets));
}
/** The command that takes query, key and value. */
export const QKV = "run --query q.npy --key k.npy --value v.npy";

export interface Plain {
  readonly scale?: number;
  /** Of two vectors, before the scale. */
  readonly similarity?: (a: readonly number[], b: readonly number[]) => number;
  /** What becomes of a scaled score; -Infinity hides the key. */
  readonly change?: (score: number, h: number, i: number, j: number) => number;
  /** One more exponential in the denominator. */
  readonly sink?: (h: number) => number;
}

export const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, c) => sum + x * b[c]!, 0);
export const squared = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, c) => sum + (x - b[c]!) ** 2, 0);

/** Attention in float64 as its formula says: output, lse and weights. */
export function plainAttention({ scale = 1 / Math.sqrt(D), similarity = dot, change = (s) => s, sink }: Plain) {
  const row = ({ data, shape }: FileTensor, h: number, i: number) => {
    const [length, width] = [shape[2]!, shape[3]!];
    return Array.from((data as Float32Array).subarray((h * length + i) * width, (h * length + i + 1) * width));
  };
  const [output, lse, weights]: number[][] = [[], [], []];
  for (let h = 0; h < H; h++) {
    for (let i = 0; i < SQ; i++) {
      const scores = Array.from({ length: SK }, (_, j) =>
        change(scale * similarity(row(query, h, i), row(key, h, j)), h, i, j),
      );
      const total = scores.reduce((sum, score) => sum + Math.exp(score), sink ? Math.exp(sink(h)) : 0);
      const shares = scores.map((score) => (total === 0 ? 0 : Math.exp(score) / total));
      for (let c = 0; c < 3; c++) output!.push(shares.reduce((sum, share, j) => sum + share * row(value, h, j)[c]!, 0));
      lse!.push(Math.log(total));
      weights!.push(...shares);
    }
  }
  return { output: output!, lse: lse!, weights: weights! };
}

export function assertClose(got: FileTensor, expected: readonly number[], what: string): void {
  assert.is(got.data.length, expected.length, what);
  expected.forEach((value, i) => {
    const found = (got.data as Float32Array)[i]!;
    if (found !== value && !(Math.abs(found - value) <= 2e-6))
      assert.unreachable(`${what}: ${found} at ${i}, not ${value}`);
  });
}

export const hide = (hidden: boolean, score: number) => (hidden ? -Infinity : score);
