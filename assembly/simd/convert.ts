// Rows of float16 and bfloat16 to float32 and back, rounding to nearest even.
import { DTYPE_FLOAT16, DTYPE_FLOAT32 } from "../abi";

/** Bytes of one element, as a shift. */
// @ts-ignore: decorator
@inline
export function elementShift(dtype: i32): i32 {
  return dtype == DTYPE_FLOAT32 ? 2 : 1;
}

/**
 * Four halves, each extended to a lane, as floats. `one` is 1: V8 would build a constant anew at each use.
 * The bits are moved to where a float has them; 2^112 moves the bias of the exponent from 15 to 127, subnormals too.
 */
// @ts-ignore: decorator
@inline
function widenHalf(h: v128, one: i32): v128 {
  const infinity = i32x4.splat(one * 0x7f800000);
  const x = f32x4.mul(v128.and(i32x4.shl(h, 13), i32x4.splat(one * 0x8fffe000)), i32x4.splat(one * 0x77800000));
  // What comes out as 65536 or more was infinite or NaN
  return v128.or(x, v128.and(infinity, f32x4.ge(f32x4.abs(x), i32x4.splat(one * 0x47800000))));
}

/** Four floats as halves in the low 16 bits of each lane. */
// @ts-ignore: decorator
@inline
function narrowHalf(x: v128): v128 {
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  let half = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, i32x4.splat(0xc8000fff)), odd), 13);
  // Below 2^-14: adding 0.5 lines the bits up with a half's subnormals and rounds them
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  half = v128.bitselect(subnormal, half, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  // 65520 and above round to infinity
  half = v128.bitselect(i32x4.splat(0x7c00), half, i32x4.ge_s(magnitude, i32x4.splat(0x477ff000)));
  half = v128.bitselect(i32x4.splat(0x7e00), half, i32x4.gt_s(magnitude, i32x4.splat(0x7f800000)));
  return v128.or(half, sign);
}

/** The same as bfloat16. */
// @ts-ignore: decorator
@inline
function narrowBrain(x: v128): v128 {
  const high = i32x4.shr_u(x, 16);
  const odd = v128.and(high, i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16);
  return v128.bitselect(rounded, v128.or(high, i32x4.splat(0x40)), f32x4.eq(x, x));
}

/** to f32 [n] = from dtype [n] */
export function widenRow(from: usize, to: usize, n: i32, dtype: i32): void {
  if (dtype == DTYPE_FLOAT32) {
    memory.copy(to, from, <usize>n << 2);
    return;
  }
  for (const end = to + (<usize>n << 2); to < end; from += 8, to += 16) {
    const whole = to + 16 <= end;
    const h = whole ? v128.load_ext<i16>(from) : i32x4.splat(<i32>load<i16>(from));
    const x = dtype == DTYPE_FLOAT16 ? widenHalf(h, dtype) : i32x4.shl(h, 16);
    if (whole) {
      v128.store(to, x);
    } else {
      v128.store32_lane(to, x, 0);
      from -= 6;
      to -= 12;
    }
  }
}

/** to dtype [n] = from f32 [n] */
export function narrowRow(from: usize, to: usize, n: i32, dtype: i32): void {
  if (dtype == DTYPE_FLOAT32) {
    memory.copy(to, from, <usize>n << 2);
    return;
  }
  for (const end = to + (<usize>n << 1); to < end; from += 16, to += 8) {
    const whole = to + 8 <= end;
    const x = whole ? v128.load(from) : v128.load32_zero(from);
    const h = dtype == DTYPE_FLOAT16 ? narrowHalf(x) : narrowBrain(x);
    if (whole) {
      v128.store64_lane(to, i16x8.narrow_i32x4_u(h, h), 0);
    } else {
      v128.store16_lane(to, h, 0);
      from -= 12;
      to -= 6;
    }
  }
}
