// One chunk of a page: PAGE_KEYS keys, or values, of one head, in the type of the cache.
//
// float32, float16, bfloat16: [64][Dp] elements, Dp = D rounded up to 8. int8 and int4: groups of 32 channels that share
// one bfloat16 scale per key, symmetric around zero (KIVI, Liu et al. 2024, quantises alike; here keys too are scaled per
// token, so that appending never changes what is there).
//   int8 keys    [64][G][32 channels], then scales [64][G]
//   int8 values  [G][32 pairs][32 channels][2 keys], then scales [G][64]: the two keys of a pair side by side, so that one
//                multiply-add of pairs takes both
//   int4         the same with two numbers in a byte, q + 8: of keys channels c and c + 16; of the 64 bytes of a pair
//                bytes i and i + 16, and 32 + i and 48 + i
// Contract: dim >= 1, slots in [0, 64), chunks aligned to 16 bytes; padding channels are zero.
import { AttentionParameters, CACHE_GROUP, DTYPE_INT4, DTYPE_INT8, PAGE_KEYS } from "../abi";

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

/** Channels 0 to 15 and 16 to 31 of one group, signed bytes, of one key of a chunk of keys. */
// @ts-ignore: decorator
@inline
export function keyBytes(dtype: i32, row: usize): usize {
  return dtype == DTYPE_INT4 ? row >> 1 : row;
}

/** to f32 [dim] = one key or value; `values` tells which layout the chunk has. */
export function readQuantised(chunk: usize, slot: i32, dim: i32, dtype: i32, values: bool, to: usize): void {
  const groups = (dim + CACHE_GROUP - 1) / CACHE_GROUP;
  const packed = dtype == DTYPE_INT4;
  const nibble = i8x16.splat(15);
  const eight = i8x16.splat(8);
  for (let g = 0; g < groups; g++, to += <usize>CACHE_GROUP << 2) {
    let low: v128;
    let high: v128;
    if (!values) {
      const at = chunk + keyBytes(dtype, <usize>((slot * groups + g) * CACHE_GROUP));
      low = v128.load(at);
      if (packed) {
        high = i8x16.sub(i8x16.shr_u(low, 4), eight);
        low = i8x16.sub(v128.and(low, nibble), eight);
      } else {
        high = v128.load(at, 16);
      }
    } else {
      const at = chunk + keyBytes(dtype, <usize>((g * (PAGE_KEYS / 2) + (slot >> 1)) * 2 * CACHE_GROUP));
      if (packed) {
        low = i8x16.sub(nibbles(v128.load(at), slot), eight);
        high = i8x16.sub(nibbles(v128.load(at, 16), slot), eight);
      } else {
        low = i8x16.narrow_i16x8_s(ofPair(v128.load(at), slot), ofPair(v128.load(at, 16), slot));
        high = i8x16.narrow_i16x8_s(ofPair(v128.load(at, 32), slot), ofPair(v128.load(at, 48), slot));
      }
    }
    const scale = f32x4.splat(reinterpret<f32>(<u32>load<u16>(scaleAt(chunk, slot, g, groups, dtype, values)) << 16));
    const left = dim - g * CACHE_GROUP;
    storeScaled(i16x8.extend_low_i8x16_s(low), scale, to, left);
    storeScaled(i16x8.extend_high_i8x16_s(low), scale, to + 32, left - 8);
    storeScaled(i16x8.extend_low_i8x16_s(high), scale, to + 64, left - 16);
    storeScaled(i16x8.extend_high_i8x16_s(high), scale, to + 96, left - 24);
  }
}

/** Address of the bfloat16 scale of one group. */
// @ts-ignore: decorator
@inline
export function scaleAt(chunk: usize, slot: i32, g: i32, groups: i32, dtype: i32, values: bool): usize {
  const scales = chunk + keyBytes(dtype, <usize>(PAGE_KEYS * groups * CACHE_GROUP));
  return scales + (<usize>(values ? g * PAGE_KEYS + slot : slot * groups + g) << 1);
}

/** The bytes of one key of a pair, as 16-bit integers. */
// @ts-ignore: decorator
@inline
function ofPair(pair: v128, slot: i32): v128 {
  return slot & 1 ? i16x8.shr_s(pair, 8) : i16x8.shr_s(i16x8.shl(pair, 8), 8);
}

/** 16 channels of one key, from 16 bytes of a packed pair: low halves of 8 bytes, then their high halves. */
// @ts-ignore: decorator
@inline
function nibbles(pair: v128, slot: i32): v128 {
  const bytes = slot & 1 ? i16x8.shr_u(pair, 8) : v128.and(pair, i16x8.splat(0xff));
  return i8x16.narrow_i16x8_u(v128.and(bytes, i16x8.splat(15)), i16x8.shr_u(bytes, 4));
}

/** to f32 [8] = x i16 [8] * scale, as far as `left` elements. */
function storeScaled(x: v128, scale: v128, to: usize, left: i32): void {
  storeSome(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x)), scale), to, left);
  storeSome(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x)), scale), to + 16, left - 4);
}

function storeSome(x: v128, to: usize, left: i32): void {
  if (left >= 4) {
    v128.store(to, x);
    return;
  }
  if (left > 0) store<f32>(to, f32x4.extract_lane(x, 0));
  if (left > 1) store<f32>(to, f32x4.extract_lane(x, 1), 4);
  if (left > 2) store<f32>(to, f32x4.extract_lane(x, 2), 8);
}
