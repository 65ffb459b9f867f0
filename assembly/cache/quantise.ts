// Rows of float32 into the int8 and int4 chunks of a page (page.ts has the layouts).
//
// scale = max |x| / 127 or / 7 over 32 channels, rounded up to bfloat16 so that nothing saturates; q = the integer nearest to
// x / scale: an error of at most scale / 2. A group that holds a NaN or an infinity becomes NaN as a whole.
import { CACHE_GROUP, DTYPE_INT4 } from "../abi";
import { groupBytes, SCALE_BYTES } from "./page";

const NAN_BRAIN: u16 = 0x7fc0;

/**
 * One key or value of a chunk = x f32 [groups * 32], zero past its channels; x is used up.
 * @param values whether the chunk is laid out as values
 */
export function writeQuantised(x: usize, chunk: usize, slot: i32, groups: i32, dtype: i32, values: bool): void {
  const packed = dtype == DTYPE_INT4;
  const at = SCALE_BYTES + (<usize>(slot & ~<i32>values) << (packed ? 4 : 5));
  // The byte of a pair that is this value's
  const shift = (slot & 1) << 3;
  for (let g = 0; g < groups; g++, x += <usize>CACHE_GROUP << 2, chunk += groupBytes(dtype)) {
    roundGroup(x, packed ? 7 : 127, chunk + (<usize>slot << 1));
    const to = chunk + at;
    let a = narrow(x);
    const b = narrow(x + 64);
    if (packed) {
      // Of keys 16 channels and then 16, of values twice 8 and 8
      const low = values ? v128.shuffle<i64>(a, b, 0, 2) : a;
      const high = values ? v128.shuffle<i64>(a, b, 1, 3) : b;
      a = v128.bitselect(low, i16x8.shl(high, 4), i8x16.splat(15));
    }
    if (values) {
      storePairs(a, shift, to);
      if (!packed) storePairs(b, shift, to + 32);
    } else {
      v128.store(to, a);
      if (!packed) v128.store(to, b, 16);
    }
  }
}

/** i8 [16] = i32 [16] */
// @ts-ignore: decorator
@inline
function narrow(x: usize): v128 {
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(v128.load(x), v128.load(x, 16)), i16x8.narrow_i32x4_s(v128.load(x, 32), v128.load(x, 48)),
  );
}

/** 16 bytes to every second one of 32; the others stay. */
function storePairs(x: v128, shift: i32, to: usize): void {
  const others = i16x8.splat(<i16>(0xff00 >> shift));
  v128.store(to, v128.or(v128.and(v128.load(to), others), i16x8.shl(i16x8.extend_low_i8x16_u(x), shift)));
  v128.store(to, v128.or(v128.and(v128.load(to, 16), others), i16x8.shl(i16x8.extend_high_i8x16_u(x), shift)), 16);
}

/** x f32 [32] become integers i32, multiples of the scale that is stored; ties to even. */
function roundGroup(x: usize, steps: f32, to: usize): void {
  const end = x + (<usize>CACHE_GROUP << 2);
  // Compared as integers: a NaN is the largest
  let m = i32x4.splat(0);
  for (let at = x; at < end; at += 16) m = i32x4.max_s(m, f32x4.abs(v128.load(at)));
  m = i32x4.max_s(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1));
  m = i32x4.max_s(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2));
  const largest = f32x4.extract_lane(m, 0) / steps;
  let bits = (reinterpret<u32>(largest) + 0xffff) >> 16;
  if (!(largest < Infinity)) bits = NAN_BRAIN;
  store<u16>(to, bits);
  const scale = i32x4.splat(bits << 16);
  // Added to 1.5 * 2^23, a number rounds to an integer in the low bits of the sum
  const magic = f32x4.splat(12582912);
  for (; x < end; x += 16) {
    const q = i32x4.sub(f32x4.add(f32x4.div(v128.load(x), scale), magic), magic);
    v128.store(x, v128.and(q, f32x4.gt(scale, f32x4.splat(0))));
  }
}
