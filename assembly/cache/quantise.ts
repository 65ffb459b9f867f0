// Rows of float32 into the int8 and int4 chunks of a page (page.ts has the layouts).
//
// scale = max |x| / 127 or / 7 over 32 channels, rounded up to bfloat16 so that nothing saturates; q = the integer nearest to
// x / scale: an error of at most scale / 2. A group that holds a NaN or an infinity becomes NaN as a whole.
import { CACHE_GROUP, DTYPE_INT4, PAGE_KEYS } from "../abi";
import { keyBytes, scaleAt } from "./page";

const NAN_BRAIN: u16 = 0x7fc0;

/**
 * One key or value of a chunk = x f32 [groups * 32], zero past its channels.
 * @param values whether the chunk is laid out as values
 */
export function writeQuantised(x: usize, chunk: usize, slot: i32, groups: i32, dtype: i32, values: bool): void {
  const packed = dtype == DTYPE_INT4;
  for (let g = 0; g < groups; g++, x += <usize>CACHE_GROUP << 2) {
    const scale = storeScale(largest(x), packed ? 7 : 127, scaleAt(chunk, slot, g, groups, dtype, values));
    const low = i8x16.narrow_i16x8_s(round8(x, scale), round8(x + 32, scale));
    const high = i8x16.narrow_i16x8_s(round8(x + 64, scale), round8(x + 96, scale));
    if (!values) {
      const to = chunk + keyBytes(dtype, <usize>((slot * groups + g) * CACHE_GROUP));
      if (packed) {
        v128.store(to, v128.or(shifted(low), i8x16.shl(shifted(high), 4)));
      } else {
        v128.store(to, low);
        v128.store(to, high, 16);
      }
    } else {
      const to = chunk + keyBytes(dtype, <usize>((g * (PAGE_KEYS / 2) + (slot >> 1)) * 2 * CACHE_GROUP));
      if (packed) {
        storePair(halves(shifted(low)), to, slot);
        storePair(halves(shifted(high)), to + 16, slot);
      } else {
        storePair(i16x8.extend_low_i8x16_u(low), to, slot);
        storePair(i16x8.extend_high_i8x16_u(low), to + 16, slot);
        storePair(i16x8.extend_low_i8x16_u(high), to + 32, slot);
        storePair(i16x8.extend_high_i8x16_u(high), to + 48, slot);
      }
    }
  }
}

/** max |x| of f32 [32]; NaN where there is one. */
function largest(x: usize): f32 {
  let m = f32x4.splat(0);
  const end = x + (<usize>CACHE_GROUP << 2);
  for (; x < end; x += 16) m = f32x4.max(m, f32x4.abs(v128.load(x)));
  return max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
    max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  );
}

/** Stores the scale of a group and returns it, 0 where all of the group is to become zero. */
function storeScale(m: f32, steps: f32, to: usize): f32 {
  const scale = m / steps;
  if (!(scale < Infinity)) {
    store<u16>(to, NAN_BRAIN);
    return 0;
  }
  const brain = (reinterpret<u32>(scale) + 0xffff) >> 16;
  store<u16>(to, <u16>brain);
  return reinterpret<f32>(brain << 16);
}

/** The integers nearest to x / scale, ties to even, i16 [8]. */
function round8(x: usize, scale: f32): v128 {
  if (scale == 0) return i16x8.splat(0);
  const s = f32x4.splat(scale);
  // Added to 1.5 * 2^23, a number rounds to an integer in the low bits of the sum
  const magic = f32x4.splat(12582912);
  return i16x8.narrow_i32x4_s(
    i32x4.sub(f32x4.add(f32x4.div(v128.load(x), s), magic), magic),
    i32x4.sub(f32x4.add(f32x4.div(v128.load(x, 16), s), magic), magic),
  );
}

/** q + 8, in the low halves of 16 bytes. */
// @ts-ignore: decorator
@inline
function shifted(q: v128): v128 {
  return i8x16.add(q, i8x16.splat(8));
}

/** 8 bytes, as 16-bit integers, of 16 channels: channel c in the low half, c + 8 in the high one. */
// @ts-ignore: decorator
@inline
function halves(q: v128): v128 {
  return v128.or(i16x8.extend_low_i8x16_u(q), i16x8.shl(i16x8.extend_high_i8x16_u(q), 4));
}

/** The bytes of one key into its places of 16 that it shares with the other key of the pair; the other keeps its own. */
function storePair(bytes: v128, to: usize, slot: i32): void {
  const odd = slot & 1;
  const own = i16x8.splat(odd ? <i16>0xff00 : 0x00ff);
  v128.store(to, v128.bitselect(odd ? i16x8.shl(bytes, 8) : bytes, v128.load(to), own));
}
