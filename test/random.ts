// Seeded random tensors: the same numbers in every run and runtime.
import type { HostTensor } from "../src/index.js";

/** Mulberry32: uniform in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Values of about unit variance, roughly normal. */
export function tensor(random: () => number, ...shape: number[]): HostTensor & { data: Float32Array<ArrayBuffer> } {
  const data = new Float32Array(shape.reduce((n, size) => n * size, 1));
  for (let i = 0; i < data.length; i++) data[i] = (random() + random() + random() + random() - 2) * 1.7;
  return { data, shape };
}
