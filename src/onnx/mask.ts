// attn_mask, whose last axis may be shorter than the keys: the rest is masked.
import type { AnyTensor, HostTensor } from "../index.js";
import { dtypeOf, hostOf } from "./inputs.js";

/** The bits of -Infinity in each dtype's host array; false for booleans. */
const MASKED: Record<string, number> = {
  float32: Number.NEGATIVE_INFINITY,
  float16: 0xfc00,
  bfloat16: 0xff80,
  bool: 0,
};

/** The mask with its last axis filled up to keyLength by false or -Infinity; itself where nothing is missing. */
export function paddedMask(mask: AnyTensor, keyLength: number): AnyTensor {
  const width = mask.shape.at(-1)!;
  if (width === keyLength) return mask;
  const host = hostOf(mask);
  const dtype = dtypeOf("attn_mask", mask);
  const rows = host.shape.slice(0, -1).reduce((n, size) => n * size, 1);
  const data = new (host.data.constructor as new (n: number) => Indexed)(rows * keyLength);
  const isFloat16Array = Object.prototype.toString.call(data) === "[object Float16Array]";
  data.fill(isFloat16Array ? Number.NEGATIVE_INFINITY : MASKED[dtype]!);
  for (let row = 0; row < rows; row++) {
    data.set((host.data as unknown as Indexed).subarray(row * width, (row + 1) * width), row * keyLength);
  }
  return { data: data as unknown as HostTensor["data"], shape: [...host.shape.slice(0, -1), keyLength], dtype };
}

/** What all typed arrays of numbers share. */
interface Indexed {
  fill(value: number): unknown;
  set(from: Indexed, at: number): void;
  subarray(from: number, to: number): Indexed;
}
