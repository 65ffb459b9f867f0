// One chunk of a page: PAGE_KEYS keys, or values, of one head, in the type of the cache.
//
// float32, float16, bfloat16: [64][Dp] elements, Dp = D rounded up to 8. int8 and int4: groups of 32 channels that share
// one bfloat16 scale per key, symmetric around zero (KIVI, Liu et al. 2024, quantises alike; here keys too are scaled per
// token, so that appending never changes what is there). Group after group, each read from its start to its end:
//   scales [64], then 2048 numbers, of keys [64][32 channels], of values [32 pairs][32 channels][2 keys]: the two keys of a
//   pair side by side, so that one multiply-add of pairs takes both
//   int8 is a byte per number; of int4 32 numbers are 16 bytes, the first 16 in the low halves
// Contract: dim >= 1, slots in [0, 64), chunks aligned to 16 bytes; padding channels are zero.
import { AttentionParameters, CACHE_GROUP, DTYPE_INT4, DTYPE_INT8, PAGE_KEYS } from "../abi";

/** Bytes of the scales of one group. */
export const SCALE_BYTES: usize = 128;

// @ts-ignore: decorator
@inline
export function quantised(dtype: i32): bool {
  return dtype >= DTYPE_INT8;
}

/** Address of the page that holds a position, or 0. */
// @ts-ignore: decorator
@inline
export function pageAt(pages: usize, position: i32): usize {
  return <usize>load<u32>(pages + (<usize>(position / PAGE_KEYS) << 2));
}

/** Whether keys [begin, ..) of a block can be read: plain tensors, or a page that is there. */
// @ts-ignore: decorator
@inline
export function pagePresent(P: AttentionParameters, b: i32, begin: i32): bool {
  return P.pages == 0 || pageAt(P.pages + <usize>b * P.pagesBatch, begin) != 0;
}

/** Bytes from one group of a chunk to the next. */
// @ts-ignore: decorator
@inline
export function groupBytes(dtype: i32): usize {
  return SCALE_BYTES + (dtype == DTYPE_INT4 ? 1024 : 2048);
}

/** Offset of number i in a group of int4; it is in the high half where i & 16. */
// @ts-ignore: decorator
@inline
function packedAt(i: i32): usize {
  return <usize>(((i >> 5) << 4) | (i & 15));
}

/** to f32 [dim] = one key or value; `values` tells which layout the chunk has. */
export function readQuantised(chunk: usize, slot: i32, dim: i32, dtype: i32, values: bool, to: usize): void {
  const first = (slot & ~<i32>values) * CACHE_GROUP;
  for (let c = 0; c < dim; c += 4, to += 16) {
    const group = chunk + <usize>(c >> 5) * groupBytes(dtype);
    const scale = i32x4.splat(<i32>load<u16>(group + (<usize>slot << 1)) << 16);
    const i = first + ((c & (CACHE_GROUP - 1)) << <i32>values);
    const at = group + SCALE_BYTES + (dtype == DTYPE_INT4 ? packedAt(i) : i);
    // Of four channels: two keys of values, one of keys, which may be the last bytes of the memory
    let bytes = values ? v128.load64_zero(at) : v128.load32_zero(at);
    if (dtype == DTYPE_INT4) {
      if (!(i & 16)) bytes = i16x8.shl(bytes, 4);
      bytes = i8x16.shr_s(bytes, 4);
    }
    let x = i16x8.extend_low_i8x16_s(bytes);
    x = values ? i32x4.shr_s(i32x4.shl(x, slot & 1 ? 0 : 16), 16) : i32x4.extend_low_i16x8_s(x);
    x = f32x4.mul(f32x4.convert_i32x4_s(x), scale);
    if (c + 4 <= dim) {
      v128.store(to, x);
      continue;
    }
    v128.store32_lane(to, x, 0);
    if (dim & 2) v128.store32_lane(to, x, 1, 4);
    if ((dim & 3) == 3) v128.store32_lane(to, x, 2, 8);
  }
}
