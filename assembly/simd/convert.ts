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

/** Four of 16 bits, each extended to a lane, as floats. */
// @ts-ignore: decorator
@inline
function widenFour(h: v128, dtype: i32): v128 {
  return dtype == DTYPE_FLOAT16 ? widenHalf(h, dtype) : i32x4.shl(h, 16);
}

/** Four floats as halves in the low 16 bits of each lane; `one` is 1. */
// @ts-ignore: decorator
@inline
function narrowHalf(x: v128, one: i32): v128 {
  const magnitude = v128.and(x, i32x4.splat(one * 0x7fffffff));
  // 65520 and above round to 65536, which is infinity
  const finite = i32x4.min_s(magnitude, i32x4.splat(one * 0x47800000));
  const odd = v128.and(i32x4.shr_u(finite, 13), i32x4.splat(one));
  let half = i32x4.shr_u(i32x4.add(i32x4.add(finite, i32x4.splat(one * 0xc8000fff)), odd), 13);
  // Below 2^-14: adding 0.5 lines the bits up with a half's subnormals and rounds them
  const least = i32x4.splat(one * 0x3f000000);
  half = v128.bitselect(
    i32x4.sub(f32x4.add(magnitude, least), least), half, i32x4.lt_s(magnitude, i32x4.splat(one * 0x38800000)),
  );
  const notANumber = i32x4.gt_s(magnitude, i32x4.splat(one * 0x7f800000));
  half = v128.or(half, v128.and(notANumber, i32x4.splat(one * 0x200)));
  return v128.or(half, i32x4.shl(i32x4.shr_u(x, 31), 15));
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

// @ts-ignore: decorator
@inline
function narrowFour(x: v128, dtype: i32): v128 {
  return dtype == DTYPE_FLOAT16 ? narrowHalf(x, dtype) : narrowBrain(x);
}

/** to f32 [n] = from dtype [n] */
export function widenRow(from: usize, to: usize, n: i32, dtype: i32): void {
  if (dtype == DTYPE_FLOAT32) {
    memory.copy(to, from, <usize>n << 2);
    return;
  }
  const end = to + (<usize>n << 2);
  for (const whole = to + (<usize>(n & ~7) << 2); to < whole; from += 16, to += 32) {
    const h = v128.load(from);
    const a = i32x4.extend_low_i16x8_s(h);
    const b = i32x4.extend_high_i16x8_s(h);
    v128.store(to, widenFour(a, dtype));
    v128.store(to, widenFour(b, dtype), 16);
  }
  for (; to < end; from += 2, to += 4) {
    v128.store32_lane(to, widenFour(i32x4.splat(<i32>load<i16>(from)), dtype), 0);
  }
}

/** to dtype [n] = from f32 [n] */
export function narrowRow(from: usize, to: usize, n: i32, dtype: i32): void {
  if (dtype == DTYPE_FLOAT32) {
    memory.copy(to, from, <usize>n << 2);
    return;
  }
  const end = to + (<usize>n << 1);
  for (const whole = to + (<usize>(n & ~7) << 1); to < whole; from += 32, to += 16) {
    v128.store(to, i16x8.narrow_i32x4_u(narrowFour(v128.load(from), dtype), narrowFour(v128.load(from, 16), dtype)));
  }
  for (; to < end; from += 4, to += 2) v128.store16_lane(to, narrowFour(v128.load32_zero(from), dtype), 0);
}
