// How a cache keeps keys and values: which dtypes there are, and where everything lies in a page (assembly/cache/page.ts).
import {
  CACHE_GROUP,
  DTYPE_BFLOAT16,
  DTYPE_FLOAT16,
  DTYPE_FLOAT32,
  DTYPE_INT4,
  DTYPE_INT8,
  PAGE_KEYS,
} from "../engine/abi.generated.js";

/** Kernel codes of what a cache may hold, in their order; then short names of the same. */
export const CACHE_DTYPES = {
  float32: DTYPE_FLOAT32,
  float16: DTYPE_FLOAT16,
  bfloat16: DTYPE_BFLOAT16,
  int8: DTYPE_INT8,
  int4: DTYPE_INT4,
  f32: DTYPE_FLOAT32,
  f16: DTYPE_FLOAT16,
  bf16: DTYPE_BFLOAT16,
};

export type CacheDType = "float32" | "float16" | "bfloat16" | "int8" | "int4";

const BITS = [32, 16, 16, 8, 4];

/** What a page holds of one head's keys, or values. */
export interface Chunk {
  readonly dim: number;
  /** The kernels' dtype. */
  readonly code: number;
  /** Of the first head's, from the start of the page. */
  readonly offset: number;
  /** Of one head's. */
  readonly bytes: number;
  /** From one row to the next, of floats. */
  readonly row: number;
}

export function chunk(dim: number, code: number, offset: number): Chunk {
  const quantised = code >= DTYPE_INT8;
  const multiple = quantised ? CACHE_GROUP : 8;
  const channels = Math.ceil(dim / multiple) * multiple;
  const row = (channels * BITS[code]!) / 8;
  // A scale is two bytes
  const scales = quantised ? (channels / CACHE_GROUP) * 2 : 0;
  return { dim, code, offset, bytes: PAGE_KEYS * (row + scales), row };
}
