// Normalisation over rows: LayerNorm (Ba, Kiros and Hinton 2016), RMSNorm (Zhang and Sennrich 2019), softmax and log-softmax.
import { NormParameters } from "./abi";
import { exp, log, maximum, storeExpConstants } from "../simd/math";

/** Sum of (x - center)^2 of a row, or of x, in f64: rows far from zero keep their variance. */
// @ts-ignore: decorator
@inline
function sumRow(x: usize, n: i32, center: f64, squares: bool): f64 {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const c = f64x2.splat(center);
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16) {
    const v = v128.load(x);
    let a = f64x2.promote_low_f32x4(v);
    let b = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
    if (squares) {
      a = f64x2.sub(a, c);
      b = f64x2.sub(b, c);
      a = f64x2.mul(a, a);
      b = f64x2.mul(b, b);
    }
    s0 = f64x2.add(s0, a);
    s1 = f64x2.add(s1, b);
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; x < end; x += 4) {
    const v = <f64>load<f32>(x) - (squares ? center : 0);
    sum += squares ? v * v : v;
  }
  return sum;
}

/** Every row of NormParameters. */
export function normalize(parameters: usize): void {
  const P = changetype<NormParameters>(parameters);
  const n = P.width;
  let x = P.input;
  let y = P.output;
  const bytes = <usize>n << 2;
  for (let row = 0; row < P.rows; row++, x += P.inputRow, y += bytes) {
    const mean = P.rootMeanSquare ? 0 : sumRow(x, n, 0, false) / <f64>n;
    const factor = 1 / sqrt(sumRow(x, n, mean, true) / <f64>n + <f64>P.epsilon);
    if (P.mean) store<f32>(P.mean + (<usize>row << 2), <f32>mean);
    if (P.inverseDeviation) store<f32>(P.inverseDeviation + (<usize>row << 2), <f32>factor);
    const center = f64x2.splat(mean);
    const scale = f64x2.splat(factor);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const v = v128.load(x + at);
      const a = f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(v), center), scale);
      const b = f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1)), center), scale);
      let r = v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
      if (P.weight) r = f32x4.mul(r, v128.load(P.weight + at));
      if (P.bias) r = f32x4.add(r, v128.load(P.bias + at));
      v128.store(y + at, r);
    }
    for (; at < bytes; at += 4) {
      let r = <f32>((<f64>load<f32>(x + at) - mean) * factor);
      if (P.weight) r *= load<f32>(P.weight + at);
      if (P.bias) r += load<f32>(P.bias + at);
      store<f32>(y + at, r);
    }
  }
}

/** Elements whose exponentials are summed in f32 before they join the total in f64. */
const SPAN: usize = 1024;

/**
 * to [rows][n] = softmax, or with `logarithm` its logarithm, of each row of from, rows fromRow bytes apart; in place too.
 * A row without a finite maximum gives NaN, as torch.softmax.
 */
export function softmaxRows(
  from: usize, fromRow: usize, to: usize, rows: i32, n: i32, logarithm: i32, constants: usize,
): void {
  storeExpConstants(constants, 0);
  const edge = constants + 192;
  const whole = <usize>(n & ~3) << 2;
  const rest = <usize>(n & 3) << 2;
  for (let row = 0; row < rows; row++, from += fromRow, to += <usize>n << 2) {
    let high = f32x4.splat(-Infinity);
    for (let at: usize = 0; at < whole; at += 16) high = maximum(high, v128.load(from + at));
    let top: f32 = max(
      max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
      max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
    );
    for (let at = whole; at < whole + rest; at += 4) top = max(top, load<f32>(from + at));
    const m = f32x4.splat(top);
    let sum: f64 = 0;
    for (let begin: usize = 0; begin < whole; begin += SPAN * 4) {
      const end = min(whole, begin + SPAN * 4);
      let s = f32x4.splat(0);
      for (let at = begin; at < end; at += 16) {
        const p = exp(f32x4.sub(v128.load(from + at), m), constants);
        if (!logarithm) v128.store(to + at, p);
        s = f32x4.add(s, p);
      }
      sum += <f64>f32x4.extract_lane(s, 0) + <f64>f32x4.extract_lane(s, 1)
        + <f64>f32x4.extract_lane(s, 2) + <f64>f32x4.extract_lane(s, 3);
    }
    for (let at = whole; at < whole + rest; at += 4) {
      v128.store(edge, exp(f32x4.splat(load<f32>(from + at) - top), constants));
      const p = load<f32>(edge);
      if (!logarithm) store<f32>(to + at, p);
      sum += <f64>p;
    }
    if (logarithm) {
      const shift = sum == sum ? <f32>log(sum) : <f32>NaN;
      const s = f32x4.splat(shift);
      for (let at: usize = 0; at < whole; at += 16) {
        v128.store(to + at, f32x4.sub(f32x4.sub(v128.load(from + at), m), s));
      }
      for (let at = whole; at < whole + rest; at += 4) store<f32>(to + at, load<f32>(from + at) - top - shift);
    } else {
      const inverse = <f32>(1 / sum);
      const s = f32x4.splat(inverse);
      for (let at: usize = 0; at < whole; at += 16) v128.store(to + at, f32x4.mul(v128.load(to + at), s));
      for (let at = whole; at < whole + rest; at += 4) store<f32>(to + at, load<f32>(to + at) * inverse);
    }
  }
}
