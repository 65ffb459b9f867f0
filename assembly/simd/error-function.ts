// erfc, log(1 + t) and e^x - 1 on four lanes of f32, beside what math.ts has.
import { exp, madd, nmadd } from "./math";

/**
 * erfc(z) for z >= 0, relative error within 6 ulp; 0 from about 9.3 on; NaN stays NaN.
 * erfc(z) = e^(-z^2) R(t) / (1 + 2 z), t = (z - 2) / (z + 2) (form of Shepherd and Laframboise 1981), R minimax on z in
 * [0, 10.2], relative error 1.4e-8. z^2 is made of the square of the upper half of z, which is exact, and the rest.
 * @param constants of `exp` with shift 0
 */
export function erfc(z: v128, constants: usize): v128 {
  return tail(f32x4.pmin(z, f32x4.splat(12)), 1, constants);
}

/** 2 (1 - Phi(x)) = erfc(x / sqrt 2) for x >= 0, of the normal distribution, as accurately: x^2 / 2 is not rounded twice. */
export function normalTail(x: v128, constants: usize): v128 {
  return tail(f32x4.pmin(x, f32x4.splat(17)), 0.5, constants);
}

/** erfc(x sqrt half), with half 1 or 1/2; x not above 12 / sqrt half. */
// @ts-ignore: decorator
@inline
function tail(x: v128, half: f32, constants: usize): v128 {
  const z = half == 1 ? x : f32x4.mul(x, f32x4.splat(0.70710678));
  const t = f32x4.div(f32x4.sub(z, f32x4.splat(2)), f32x4.add(z, f32x4.splat(2)));
  let p = madd(t, f32x4.splat(-0.0003994496073573828), f32x4.splat(-0.0012280023656785488));
  p = madd(p, t, f32x4.splat(0.001313309883698821));
  p = madd(p, t, f32x4.splat(0.008630097843706608));
  p = madd(p, t, f32x4.splat(-0.008060143329203129));
  p = madd(p, t, f32x4.splat(-0.054203882813453674));
  p = madd(p, t, f32x4.splat(0.16405542194843292));
  p = madd(p, t, f32x4.splat(-0.16603146493434906));
  p = madd(p, t, f32x4.splat(-0.0927639827132225));
  p = madd(p, t, f32x4.splat(1.2769783735275269));
  const factor = f32x4.splat(half);
  const upper = v128.and(x, i32x4.splat(0xfffff000));
  const lower = f32x4.sub(x, upper);
  // e^-d, d at most 2^-11 * 12 * 24
  const d = f32x4.mul(f32x4.mul(lower, f32x4.add(x, upper)), factor);
  let e = nmadd(nmadd(d, f32x4.splat(0.041666668), f32x4.splat(0.16666667)), d, f32x4.splat(0.5));
  e = madd(f32x4.mul(d, d), e, nmadd(d, f32x4.splat(1), f32x4.splat(1)));
  e = f32x4.mul(e, exp(f32x4.neg(f32x4.mul(f32x4.mul(upper, upper), factor)), constants));
  return f32x4.div(f32x4.mul(p, e), madd(z, f32x4.splat(2), f32x4.splat(1)));
}

/** erf within 4 ulp: its Taylor series below 1/2, 1 - erfc above. */
export function erf(x: v128, constants: usize): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const magnitude = f32x4.abs(x);
  const s = f32x4.mul(x, x);
  let p = madd(s, f32x4.splat(0.00012055332981789664), f32x4.splat(-0.0008548327023450853));
  p = madd(p, s, f32x4.splat(0.005223977625442188));
  p = madd(p, s, f32x4.splat(-0.026866170645131252));
  p = madd(p, s, f32x4.splat(0.11283791670955126));
  p = madd(p, s, f32x4.splat(-0.37612638903183754));
  p = madd(p, s, f32x4.splat(0.12837916709551256));
  const small = madd(p, x, x);
  const large = v128.or(f32x4.sub(f32x4.splat(1), erfc(magnitude, constants)), sign);
  return v128.bitselect(small, large, f32x4.lt(magnitude, f32x4.splat(0.5)));
}

/** ln(1 + t) for t in [0, 1], within 3 ulp: 2 artanh(t / (2 + t)) by its series. */
// @ts-ignore: decorator
@inline
export function log1p(t: v128): v128 {
  const u = f32x4.div(t, f32x4.add(t, f32x4.splat(2)));
  const w = f32x4.mul(u, u);
  let p = madd(w, f32x4.splat(0.07692308), f32x4.splat(0.09090909));
  p = madd(p, w, f32x4.splat(0.11111111));
  p = madd(p, w, f32x4.splat(0.14285715));
  p = madd(p, w, f32x4.splat(0.2));
  p = madd(p, w, f32x4.splat(0.33333334));
  const twice = f32x4.add(u, u);
  return madd(f32x4.mul(p, w), twice, twice);
}

/** e^x - 1 for x <= 0, within 3 ulp: its Taylor series above -1/2. */
// @ts-ignore: decorator
@inline
export function expm1(x: v128, constants: usize): v128 {
  let p = madd(x, f32x4.splat(2.4801588e-5), f32x4.splat(1.9841270e-4));
  p = madd(p, x, f32x4.splat(1.3888889e-3));
  p = madd(p, x, f32x4.splat(8.3333333e-3));
  p = madd(p, x, f32x4.splat(4.1666668e-2));
  p = madd(p, x, f32x4.splat(0.16666667));
  p = madd(p, x, f32x4.splat(0.5));
  const small = madd(f32x4.mul(p, x), x, x);
  const large = f32x4.sub(exp(x, constants), f32x4.splat(1));
  return v128.bitselect(small, large, f32x4.gt(x, f32x4.splat(-0.5)));
}
