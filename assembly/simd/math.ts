// Elementary functions on four lanes of f32, and the one multiply-add everything else is built on.
// No tables (modules carry no data), no branches on values; every constant is written where it is used.

/** a * b + c: fused where the relaxed build runs on hardware that fuses, two roundings in the simd build. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c - a * b */
// @ts-ignore: decorator
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** The larger of each lane, one instruction; a NaN in b is dropped, a NaN in a is kept. */
// @ts-ignore: decorator
@inline
export function maximum(a: v128, b: v128): v128 {
  return f32x4.pmax(a, b);
}

// V8 builds a v128 constant anew wherever it is used, three instructions each, also inside loops. So the constants of
// the exponential are written to memory once per call and loaded: outside of the loop where one is hot.

export const LOG2E: f64 = 1.4426950408889634;
export const LN2: f64 = 0.6931471805599453;

/** Writes the constants of 2^(x - shift) to EXP_CONSTANTS bytes. */
export function storeExpConstants(to: usize, shift: i32): void {
  const bias = 127 - shift;
  storeFour(to, <f32>-bias);
  const rounding: i32 = 0xc00000 + bias;
  storeFour(to + 16, <f32>rounding);
  // Minimax for relative error on |r| <= 1/2: 3.0e-9 (docs/kernels.md)
  storeFour(to + 32, 0.000153288202);
  storeFour(to + 48, 0.00133909762);
  storeFour(to + 64, 0.00961850025);
  storeFour(to + 80, 0.0555035956);
  storeFour(to + 96, 0.240226477);
  storeFour(to + 112, 0.693147182);
  storeFour(to + 128, 1);
}

function storeFour(to: usize, x: f32): void {
  v128.store(to, f32x4.splat(x));
}

/**
 * 2^(x - shift) for x <= 0, within 2 ulp; exactly 0 below about shift - 127; NaN stays NaN.
 * x = n + r with |r| <= 1/2, then a polynomial of degree 6 for 2^r. Adding 1.5 * 2^23 + 127 - shift rounds x to an
 * integer and leaves the biased exponent in the low bits, so that one shift makes the factor 2^(n - shift). It is 0 for
 * the lowest n: a masked score weighs exactly nothing.
 */
export function exp2(x: v128, constants: usize): v128 {
  return exp2With(
    x, v128.load(constants), v128.load(constants, 16), v128.load(constants, 32), v128.load(constants, 48),
    v128.load(constants, 64), v128.load(constants, 80), v128.load(constants, 96), v128.load(constants, 112),
    v128.load(constants, 128),
  );
}

/** The same with the constants in locals, in the order in which they are stored. */
// @ts-ignore: decorator
@inline
export function exp2With(
  x: v128, lowest: v128, magic: v128, c6: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, one: v128,
): v128 {
  x = f32x4.pmax(x, lowest);
  const u = f32x4.add(x, magic);
  return power(f32x4.sub(x, f32x4.sub(u, magic)), u, c6, c5, c4, c3, c2, c1, one);
}

/** 2^r times the power of two whose biased exponent is in the low bits of u. */
// @ts-ignore: decorator
@inline
function power(r: v128, u: v128, c6: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, one: v128): v128 {
  let p = madd(r, c6, c5);
  p = madd(p, r, c4);
  p = madd(p, r, c3);
  p = madd(p, r, c2);
  p = madd(p, r, c1);
  p = madd(p, r, one);
  return f32x4.mul(p, i32x4.shl(u, 23));
}

/**
 * e^x for x <= 0, within 2 ulp; exactly 0 below about -88; NaN stays NaN. x = n ln 2 + r, then 2^n 2^(r log2 e): the
 * product of n with the first part of ln 2 is exact (Cody and Waite 1980).
 * @param constants of 2^x with shift 0
 */
export function exp(x: v128, constants: usize): v128 {
  const log2e = f32x4.splat(<f32>LOG2E);
  const magic = v128.load(constants, 16);
  x = f32x4.pmax(x, f32x4.splat(-88.02969));
  const u = madd(x, log2e, magic);
  const n = f32x4.sub(u, magic);
  const r = nmadd(n, f32x4.splat(-2.12194440e-4), nmadd(n, f32x4.splat(0.693359375), x));
  return power(
    f32x4.mul(r, log2e), u, v128.load(constants, 32), v128.load(constants, 48), v128.load(constants, 64),
    v128.load(constants, 80), v128.load(constants, 96), v128.load(constants, 112), v128.load(constants, 128),
  );
}

/**
 * tanh within 3 ulp: x * P(x^2) below 0.625 (Cephes tanhf, Moshier 1989), 1 - 2 / (e^(2|x|) + 1) with the sign of x above.
 * @param constants of `exp` with shift 0
 */
export function tanh(x: v128, constants: usize): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const magnitude = v128.andnot(x, i32x4.splat(0x80000000));
  const z = f32x4.mul(x, x);
  let p = madd(z, f32x4.splat(-5.70498872745e-3), f32x4.splat(2.06390887954e-2));
  p = madd(p, z, f32x4.splat(-5.37397155531e-2));
  p = madd(p, z, f32x4.splat(1.33314422036e-1));
  p = madd(p, z, f32x4.splat(-3.33332819422e-1));
  const small = madd(f32x4.mul(p, z), x, x);
  // e^(-2|x|) = t: (1 - t) / (1 + t)
  const t = exp(f32x4.mul(magnitude, f32x4.splat(-2)), constants);
  const one = f32x4.splat(1);
  const large = v128.or(f32x4.div(f32x4.sub(one, t), f32x4.add(one, t)), sign);
  return v128.bitselect(small, large, f32x4.lt(magnitude, f32x4.splat(0.625)));
}

/**
 * Natural logarithm of a positive, normal x, to about 1e-14: x = 2^e m with m in [sqrt 1/2, sqrt 2),
 * ln m = 2 artanh z, z = (m - 1) / (m + 1), by its series. One per row, so a scalar in f64 is cheap.
 */
export function log(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let e = <i32>((bits >> 52) & 0x7ff) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e += 1;
  }
  const z = (m - 1) / (m + 1);
  const w = z * z;
  // Divisions, since eight bytes of each quotient would be a third of this function
  let s: f64 = 0;
  for (let k: f64 = 17; k > 0; k -= 2) s = s * w + 1 / k;
  return 2 * z * s + <f64>e * LN2;
}
