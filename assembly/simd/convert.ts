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
function widenHalf(h: v128): v128 {
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  const magnitude = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const special = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x0f800000)), i32x4.splat(0x7f800000));
  // 2^112 moves a half's exponent bias (15) to a float's (127)
  const scaled = f32x4.mul(magnitude, f32x4.splat(5192296858534827628530496329220096.0));
  return v128.or(v128.or(scaled, special), sign);
}

// @ts-ignore: decorator
@inline
function narrowHalf(x: f32): u16 {
  const bits = reinterpret<u32>(x);
  const sign = (bits >> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return <u16>(sign | 0x7e00);
  // 65520 and above round to infinity
  if (magnitude >= 0x477ff000) return <u16>(sign | 0x7c00);
  // Below 2^-14: adding 0.5 lines the bits up with a half's subnormals and rounds them
  if (magnitude < 0x38800000) return <u16>(sign | (reinterpret<u32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000));
  return <u16>(sign | ((magnitude + 0xc8000fff + ((magnitude >> 13) & 1)) >> 13));
}

// @ts-ignore: decorator
@inline
function narrowBrain(x: f32): u16 {
  const bits = reinterpret<u32>(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return <u16>((bits >> 16) | 0x40);
  return <u16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
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
  for (let i = 0; i < n; i++, from += 4, to += 2) {
    const x = load<f32>(from);
    store<u16>(to, half ? narrowHalf(x) : narrowBrain(x));
  }
}
