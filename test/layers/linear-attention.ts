// What the tests of linear attention are made of: tensors of all its arguments, and other views of them.
import type { HostTensor } from "../../src/index.js";
import type { LinearAttentionOptions } from "../../src/layers/index.js";
import { tensor } from "../random.js";

export type Host = HostTensor & { data: Float32Array<ArrayBuffer> };
export type Sizes = readonly [B: number, Hq: number, H: number, T: number, Dk: number, Dv: number];

export const mapped = (x: Host, f: (x: number) => number): Host => ({ ...x, data: x.data.map(f) });

/** Keys of about length 1, decays below 0, rates from 0 to 1. */
export function draw(random: () => number, [B, Hq, H, T, Dk, Dv]: Sizes, perChannel = true) {
  return {
    query: tensor(random, B, Hq, T, Dk),
    key: mapped(tensor(random, B, H, T, Dk), (x) => x / Math.sqrt(Dk)),
    value: tensor(random, B, H, T, Dv),
    decay: mapped(perChannel ? tensor(random, B, H, T, Dk) : tensor(random, B, H, T), (x) => -Math.abs(x) / 4),
    beta: mapped(tensor(random, B, H, T), (x) => 1 / (1 + Math.exp(-x))),
    state: tensor(random, B, H, Dk, Dv),
  };
}

export const pick = (
  all: ReturnType<typeof draw>,
  names: readonly ("decay" | "beta" | "state")[],
): LinearAttentionOptions<HostTensor> => Object.fromEntries(names.map((name) => [name, all[name]]));

/** Tokens from `start` to before `end`. */
export function tokens(x: HostTensor, start: number, end: number): Host {
  const [B, H, T, ...rest] = x.shape as [number, number, number, ...number[]];
  const row = rest[0] ?? 1;
  const data = x.data as Float32Array;
  const parts = Array.from({ length: B * H }, (_, head) => [
    ...data.subarray((head * T + start) * row, (head * T + end) * row),
  ]);
  return { data: Float32Array.from(parts.flat()), shape: [B, H, end - start, ...rest] };
}

/** [B, H, T, ...] as [B, T, H, ...] and back. */
export function swapped(x: HostTensor): Host {
  const [B, H, T, ...rest] = x.shape as [number, number, number, ...number[]];
  const row = rest[0] ?? 1;
  const data = new Float32Array(x.data.length);
  for (let i = 0; i < data.length; i++) {
    const [c, t, h, b] = [i % row, Math.floor(i / row) % T, Math.floor(i / row / T) % H, Math.floor(i / row / T / H)];
    data[((b * T + t) * H + h) * row + c] = (x.data as Float32Array)[i]!;
  }
  return { data, shape: [B, T, H, ...rest] };
}
