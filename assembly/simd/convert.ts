// Rows of float16 and bfloat16 to float32 and back, rounding to nearest even.
import { DTYPE_FLOAT16, DTYPE_FLOAT32 } from "../abi";

/** Bytes of one element, as a shift. */
// @ts-ignore: decorator
@inline
export function elementShift(dtype: i32): i32 {
  return dtype == DTYPE_FLOAT32 ? 2 : 1;
}

/** Four halves in the low 16 bits of each lane; subnormals come out by one exact multiplication. */
// @ts-ignore: decorator
@inline
export function widenHalf(h: v128): v128 {
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  const magnitude = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const special = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x0f800000)), i32x4.splat(0x7f800000));
  // 2^112 moves a half's exponent bias (15) to a float's (127)
  const scaled = f32x4.mul(magnitude, f32x4.splat(5192296858534827628530496329220096.0));
  return v128.or(v128.or(scaled, special), sign);
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
  const half = dtype == DTYPE_FLOAT16;
  const end = to + (<usize>n << 2);
  for (; to + 16 <= end; from += 8, to += 16) {
    const h = v128.load_ext<u16>(from);
    v128.store(to, half ? widenHalf(h) : i32x4.shl(h, 16));
  }
  for (; to < end; from += 2, to += 4) {
    const h = i32x4.splat(<i32>load<u16>(from));
    store<f32>(to, f32x4.extract_lane(half ? widenHalf(h) : i32x4.shl(h, 16), 0));
  }
}

/** to dtype [n] = from f32 [n] */
export function narrowRow(from: usize, to: usize, n: i32, dtype: i32): void {
  if (dtype == DTYPE_FLOAT32) {
    memory.copy(to, from, <usize>n << 2);
    return;
  }
  const half = dtype == DTYPE_FLOAT16;
  const end = to + (<usize>n << 1);
  for (; to + 8 <= end; from += 16, to += 8) {
    const x = v128.load(from);
    const h = half ? narrowHalf(x) : narrowBrain(x);
    v128.store64_lane(to, i16x8.narrow_i32x4_u(h, h), 0);
  }
  for (; to < end; from += 4, to += 2) {
    const x = v128.load_splat<f32>(from);
    store<u16>(to, <u16>i32x4.extract_lane(half ? narrowHalf(x) : narrowBrain(x), 0));
  }
}
