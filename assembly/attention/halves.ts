// The products of decoding over 16-bit floats as they lie: eight channels are one vector of 16 bytes, of which a policy takes
// the even and the odd ones as four floats each. So queries and outputs stand in that order, f32 [D / 8][even, odd][4].
// Two keys, or values, at a time, one of each half of a block, as in channels.ts: fewer loads of queries and outputs than key after
// key, and enough accumulators that none is waited for.
// Contract: as in channels.ts; D and Dv are multiples of 16; `one` is 1, of which constants are made, since V8 would build one that it knows anew
// at each use; `bias` is 1, or what makes up for the policy's.
import { madd } from "../simd/math";
import { sumLanes, sumPair } from "./channels";

/** What Half's numbers lack, and its root. */
export const HALF_BIAS: f32 = 5192296858534827628530496329220096.0;
export const HALF_BIAS_ROOT: f32 = 72057594037927936.0;

/** Finite float16 times 2^-112, subnormals too: the bits moved to where a float has them, without its exponent's bias. */
@unmanaged @final
export class Half {
  @inline factor(one: i32): v128 { return i32x4.splat(one << 13); }
  @inline mask(one: i32): v128 { return i32x4.splat(one * 0x8fffe000); }
  /** A product with 8192 in the even halves and 0 in the odd ones. */
  @inline even(x: v128, factor: v128, mask: v128): v128 { return v128.and(i32x4.dot_i16x8_s(x, factor), mask); }
  @inline odd(x: v128, mask: v128): v128 { return v128.and(i32x4.shr_s(x, 3), mask); }
}

/** bfloat16, the upper halves of floats. */
@unmanaged @final
export class Brain {
  @inline factor(_one: i32): v128 { return i32x4.splat(0); }
  @inline mask(one: i32): v128 { return i32x4.splat(one * 0xffff0000); }
  @inline even(x: v128, _factor: v128, _mask: v128): v128 { return i32x4.shl(x, 16); }
  @inline odd(x: v128, mask: v128): v128 { return v128.and(x, mask); }
}

/**
 * scores f32 [n] = one query times n keys.
 * @param query f32 [D / 8][even, odd][4]
 * @param key 16-bit [n][D]
 */
export function scoreHalves<T>(
  query: usize, key: usize, far: usize, stride: usize, half: i32, n: i32, D: i32, scores: usize, one: i32, bias: f32,
): void {
  const type = changetype<T>(0);
  const c = type.factor(one);
  const m = type.mask(one);
  const end = query + (<usize>D << 2);
  const lone = scores + (<usize>(n - half) << 2);
  let step = <usize>half << 2;
  for (const middle = scores + step; scores < middle; scores += 4, key += stride) {
    if (scores == lone) far = step = 0;
    let a0 = f32x4.splat(0);
    let a1 = a0, b0 = a0, b1 = a0;
    let k0 = key & ~1;
    let k1 = k0 + far;
    let q = query & ~15;
    do {
      const q0 = v128.load(q);
      const q1 = v128.load(q, 16);
      const x = v128.load(k0);
      const y = v128.load(k1);
      a0 = madd(type.even(x, c, m), q0, a0);
      a1 = madd(type.odd(x, m), q1, a1);
      b0 = madd(type.even(y, c, m), q0, b0);
      b1 = madd(type.odd(y, m), q1, b1);
      q += 32;
      k0 += 16;
      k1 += 16;
    } while (q < end);
    const sums = f32x4.mul(sumPair(f32x4.add(a0, a1), f32x4.add(b0, b1)), f32x4.splat(bias));
    v128.store32_lane(scores, sums, 0);
    v128.store32_lane(scores + step, sums, 1);
  }
}

/**
 * outputs f32 [Dv / 8][even, odd][4] += weights times n values.
 * @param value 16-bit [n][Dv]
 * @param weights f32 [n]
 */
export function sumHalves<T>(
  value: usize, far: usize, stride: usize, half: i32, n: i32, Dv: i32, weights: usize, outputs: usize, one: i32, bias: f32,
): void {
  const type = changetype<T>(0);
  const c = type.factor(one);
  const m = type.mask(one);
  const end = outputs + (<usize>Dv << 2);
  const lone = weights + (<usize>(n - half) << 2);
  let factor = f32x4.splat(bias);
  let step = <usize>half << 2;
  for (const middle = weights + step; weights < middle; weights += 4, value += stride) {
    // It comes twice, with half its weight
    if (weights == lone) {
      far = step = 0;
      factor = f32x4.splat(bias * 0.5);
    }
    const w = f32x4.mul(v128.load_splat<f32>(weights), factor);
    const u = f32x4.mul(v128.load_splat<f32>(weights + step), factor);
    let v0 = value & ~1;
    let v1 = v0 + far;
    let o = outputs & ~15;
    do {
      let x = v128.load(v0);
      let y = v128.load(v1);
      v128.store(o, madd(type.even(y, c, m), u, madd(type.even(x, c, m), w, v128.load(o))));
      v128.store(o, madd(type.odd(y, m), u, madd(type.odd(x, m), w, v128.load(o, 16))), 16);
      x = v128.load(v0, 16);
      y = v128.load(v1, 16);
      v128.store(o, madd(type.even(y, c, m), u, madd(type.even(x, c, m), w, v128.load(o, 32))), 32);
      v128.store(o, madd(type.odd(y, m), u, madd(type.odd(x, m), w, v128.load(o, 48))), 48);
      v0 += 32;
      v1 += 32;
      o += 64;
    } while (o < end);
  }
}

/**
 * scores f32 [n][4] = four queries times n keys.
 * @param query f32 [D / 8][even, odd][4 rows][4]
 * @param key 16-bit [n][D]
 */
export function scoreHalfRows<T>(
  query: usize, key: usize, far: usize, stride: usize, half: i32, n: i32, D: i32, scores: usize, one: i32, bias: f32,
): void {
  const type = changetype<T>(0);
  const c = type.factor(one);
  const m = type.mask(one);
  const end = query + (<usize>D << 4);
  const lone = scores + (<usize>(n - half) << 4);
  let step = <usize>half << 4;
  for (const middle = scores + step; scores < middle; scores += 16, key += stride) {
    if (scores == lone) far = step = 0;
    let a0 = f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    let k0 = key & ~1;
    let k1 = k0 + far;
    let q = query & ~15;
    do {
      const x = type.even(v128.load(k0), c, m);
      const y = type.even(v128.load(k1), c, m);
      let row = v128.load(q);
      a0 = madd(x, row, a0);
      b0 = madd(y, row, b0);
      // Always: V8 12 would load all four before it multiplies any, and spill
      if (q) {
        row = v128.load(q, 16);
        a1 = madd(x, row, a1);
        b1 = madd(y, row, b1);
        row = v128.load(q, 32);
        a2 = madd(x, row, a2);
        b2 = madd(y, row, b2);
      }
      if (q) {
        row = v128.load(q, 48);
        a3 = madd(x, row, a3);
        b3 = madd(y, row, b3);
      }
      k0 += 16;
      k1 += 16;
      q += 128;
    } while (q < end);
    k0 = key & ~1;
    k1 = k0 + far;
    q = query & ~15;
    do {
      const x = type.odd(v128.load(k0), m);
      const y = type.odd(v128.load(k1), m);
      let row = v128.load(q, 64);
      a0 = madd(x, row, a0);
      b0 = madd(y, row, b0);
      row = v128.load(q, 80);
      a1 = madd(x, row, a1);
      b1 = madd(y, row, b1);
      row = v128.load(q, 96);
      a2 = madd(x, row, a2);
      b2 = madd(y, row, b2);
      row = v128.load(q, 112);
      a3 = madd(x, row, a3);
      b3 = madd(y, row, b3);
      k0 += 16;
      k1 += 16;
      q += 128;
    } while (q < end);
    const factor = f32x4.splat(bias);
    v128.store(scores, f32x4.mul(sumLanes(a0, a1, a2, a3), factor));
    v128.store(scores + step, f32x4.mul(sumLanes(b0, b1, b2, b3), factor));
  }
}

/**
 * outputs f32 [Dv / 8][even, odd][4 rows][4] += weights times n values.
 * @param value 16-bit [n][Dv]
 * @param weights f32 [n][4 rows]
 */
export function sumHalfRows<T>(
  value: usize, far: usize, stride: usize, half: i32, n: i32, Dv: i32, weights: usize, outputs: usize, one: i32, bias: f32,
): void {
  const type = changetype<T>(0);
  const c = type.factor(one);
  const m = type.mask(one);
  const end = outputs + (<usize>Dv << 4);
  const lone = weights + (<usize>(n - half) << 4);
  let factor = f32x4.splat(bias);
  let step = <usize>half << 4;
  for (const middle = weights + step; weights < middle; weights += 16, value += stride) {
    // It comes twice, with half its weight
    if (weights == lone) {
      far = step = 0;
      factor = f32x4.splat(bias * 0.5);
    }
    const w = f32x4.mul(v128.load(weights), factor);
    const u = f32x4.mul(v128.load(weights + step), factor);
    const w0 = v128.shuffle<f32>(w, w, 0, 0, 0, 0);
    const w1 = v128.shuffle<f32>(w, w, 1, 1, 1, 1);
    const w2 = v128.shuffle<f32>(w, w, 2, 2, 2, 2);
    const w3 = v128.shuffle<f32>(w, w, 3, 3, 3, 3);
    const u0 = v128.shuffle<f32>(u, u, 0, 0, 0, 0);
    const u1 = v128.shuffle<f32>(u, u, 1, 1, 1, 1);
    const u2 = v128.shuffle<f32>(u, u, 2, 2, 2, 2);
    const u3 = v128.shuffle<f32>(u, u, 3, 3, 3, 3);
    let v0 = value & ~1;
    let v1 = v0 + far;
    let o = outputs & ~15;
    do {
      let x = type.even(v128.load(v0), c, m);
      let y = type.even(v128.load(v1), c, m);
      v128.store(o, madd(y, u0, madd(x, w0, v128.load(o))));
      v128.store(o, madd(y, u1, madd(x, w1, v128.load(o, 16))), 16);
      v128.store(o, madd(y, u2, madd(x, w2, v128.load(o, 32))), 32);
      v128.store(o, madd(y, u3, madd(x, w3, v128.load(o, 48))), 48);
      x = type.odd(v128.load(v0), m);
      y = type.odd(v128.load(v1), m);
      v128.store(o, madd(y, u0, madd(x, w0, v128.load(o, 64))), 64);
      v128.store(o, madd(y, u1, madd(x, w1, v128.load(o, 80))), 80);
      v128.store(o, madd(y, u2, madd(x, w2, v128.load(o, 96))), 96);
      v128.store(o, madd(y, u3, madd(x, w3, v128.load(o, 112))), 112);
      v0 += 16;
      v1 += 16;
      o += 128;
    } while (o < end);
  }
}
