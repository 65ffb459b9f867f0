// The products of decoding, where lanes are channels: scores of few queries with the keys of one block, and sums of its
// values. Every byte of K and V is used once, so the order of reading decides: one row after the other, each from its start
// to its end, is what hardware prefetches; four rows side by side it reads at half the speed (docs/kernels.md).
import { madd } from "../simd/math";

/** 2^112, which the bits of a float16 lack where a float has them, and half of it: queries carry the one half, scores the other. */
const BIAS: f32 = 5192296858534827628530496329220096.0;
export const HALF_BIAS: f32 = 72057594037927936.0;
/** float32 is waited for in order, so what comes next is touched so many bytes ahead, a page of memory. */
const AHEAD: usize = 4096;

/** The sum of the lanes, in all of them. */
// @ts-ignore: decorator
@inline
export function sumOfLanes(x: v128): v128 {
  x = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.add(x, v128.shuffle<f32>(x, x, 1, 0, 3, 2));
}

/** How far ahead n rows are touched: not at all where that is other memory, or none. */
// @ts-ignore: decorator
@inline
function aheadOf(rows: usize, stride: usize, n: i32, dim: i32): usize {
  const end = rows + <usize>n * stride + AHEAD;
  return stride == <usize>dim << 2 && end <= <usize>memory.size() << 16 ? AHEAD : 0;
}

/**
 * scores f32 [n] = one query times n keys.
 * @param query f32 [D], D a multiple of 8
 * @param key f32 [n][D], rows `stride` bytes apart
 */
export function scoreRow(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize): void {
  const end = query + (<usize>D << 2);
  const ahead = aheadOf(key, stride, n, D);
  for (const last = scores + (<usize>n << 2); scores < last; scores += 4, key += stride) {
    let a = f32x4.splat(0);
    let b = a;
    let k = key & ~3;
    for (let q = query & ~15; q < end; q += 32, k += 32) {
      // Stored where the score will be, or it would be optimised away
      store<i32>(scores, load<i32>(k + ahead));
      a = madd(v128.load(k), v128.load(q), a);
      b = madd(v128.load(k, 16), v128.load(q, 16), b);
    }
    v128.store32_lane(scores, sumOfLanes(f32x4.add(a, b)), 0);
  }
}

/**
 * outputs f32 [Dv] += weights times n values; Dv a multiple of 8.
 * @param value f32 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n]
 */
export function sumRow(value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize): void {
  const end = outputs + (<usize>Dv << 2);
  const ahead = aheadOf(value, stride, n, Dv);
  for (const last = weights + (<usize>n << 2); weights < last; weights += 4, value += stride) {
    const w = v128.load_splat<f32>(weights);
    let v = value & ~3;
    for (let o = outputs & ~15; o < end; o += 32, v += 32) {
      const a = madd(v128.load(v), w, v128.load(o));
      const b = madd(v128.load(v, 16), w, v128.load(o, 16));
      store<i32>(o, load<i32>(v + ahead));
      v128.store(o, a);
      v128.store(o, b, 16);
    }
  }
}

// Finite float16 is read as it lies, eight channels in one vector: `even` takes the even ones of them, `odd` the odd ones,
// times 2^-112, subnormals too: bits moved to where a float has them, without the exponent's bias. Constants: c = 8192 in
// the even halves, m = 0x8fffe000; made of `one` = 1, since V8 would build a constant anew at each use.

// @ts-ignore: decorator
@inline
function even(x: v128, c: v128, m: v128): v128 {
  return v128.and(i32x4.dot_i16x8_s(x, c), m);
}

// @ts-ignore: decorator
@inline
function odd(x: v128, m: v128): v128 {
  return v128.and(i32x4.shr_s(x, 3), m);
}

/**
 * scores f32 [n] = one query times n keys.
 * @param query f32 [D / 8][even, odd][4], D a multiple of 16
 * @param key f16 [n][D], rows `stride` bytes apart
 */
export function scoreHalves(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize, one: i32): void {
  const c = i32x4.splat(one << 13);
  const m = i32x4.splat(one * 0x8fffe000);
  const end = query + (<usize>D << 2);
  for (const last = scores + (<usize>n << 2); scores < last; scores += 4, key += stride) {
    let a0 = f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0;
    let k = key & ~1;
    for (let q = query & ~15; q < end; q += 64, k += 32) {
      let x = v128.load(k);
      a0 = madd(even(x, c, m), v128.load(q), a0);
      a1 = madd(odd(x, m), v128.load(q, 16), a1);
      x = v128.load(k, 16);
      a2 = madd(even(x, c, m), v128.load(q, 32), a2);
      a3 = madd(odd(x, m), v128.load(q, 48), a3);
    }
    const sum = sumOfLanes(f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)));
    v128.store32_lane(scores, f32x4.mul(sum, f32x4.splat(HALF_BIAS)), 0);
  }
}

/**
 * outputs f32 [Dv / 8][even, odd][4] += weights times n values; Dv a multiple of 16.
 * @param value f16 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n]
 */
export function sumHalves(value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize, one: i32): void {
  const c = i32x4.splat(one << 13);
  const m = i32x4.splat(one * 0x8fffe000);
  const end = outputs + (<usize>Dv << 2);
  for (const last = weights + (<usize>n << 2); weights < last; weights += 4, value += stride) {
    const w = f32x4.mul(v128.load_splat<f32>(weights), f32x4.splat(BIAS));
    let v = value & ~1;
    for (let o = outputs & ~15; o < end; o += 64, v += 32) {
      let x = v128.load(v);
      v128.store(o, madd(even(x, c, m), w, v128.load(o)));
      v128.store(o, madd(odd(x, m), w, v128.load(o, 16)), 16);
      x = v128.load(v, 16);
      v128.store(o, madd(even(x, c, m), w, v128.load(o, 32)), 32);
      v128.store(o, madd(odd(x, m), w, v128.load(o, 48)), 48);
    }
  }
}

/**
 * scores f32 [n][4] = four queries times n keys.
 * @param query f32 [D / 4][4 rows][4]
 * @param key f32 [n][D], rows `stride` bytes apart
 */
export function scoreRows(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize): void {
  const end = query + (<usize>D << 4);
  for (const last = scores + (<usize>n << 4); scores < last; scores += 16, key += stride) {
    let a0 = f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0;
    let k = key & ~3;
    for (let q = query & ~15; q < end; q += 64, k += 16) {
      const x = v128.load(k);
      a0 = madd(x, v128.load(q), a0);
      a1 = madd(x, v128.load(q, 16), a1);
      a2 = madd(x, v128.load(q, 32), a2);
      a3 = madd(x, v128.load(q, 48), a3);
    }
    const ab = f32x4.add(v128.shuffle<f32>(a0, a1, 0, 4, 1, 5), v128.shuffle<f32>(a0, a1, 2, 6, 3, 7));
    const cd = f32x4.add(v128.shuffle<f32>(a2, a3, 0, 4, 1, 5), v128.shuffle<f32>(a2, a3, 2, 6, 3, 7));
    v128.store(scores, f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3)));
  }
}

/**
 * outputs f32 [Dv / 4][4 rows][4] += weights times n values.
 * @param value f32 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n][4 rows]
 */
export function sumRows(value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize): void {
  const end = outputs + (<usize>Dv << 4);
  for (const last = weights + (<usize>n << 4); weights < last; weights += 16, value += stride) {
    const w0 = v128.load_splat<f32>(weights);
    const w1 = v128.load_splat<f32>(weights, 4);
    const w2 = v128.load_splat<f32>(weights, 8);
    const w3 = v128.load_splat<f32>(weights, 12);
    let v = value & ~3;
    for (let o = outputs & ~15; o < end; o += 64, v += 16) {
      const x = v128.load(v);
      v128.store(o, madd(x, w0, v128.load(o)));
      v128.store(o, madd(x, w1, v128.load(o, 16)), 16);
      v128.store(o, madd(x, w2, v128.load(o, 32)), 32);
      v128.store(o, madd(x, w3, v128.load(o, 48)), 48);
    }
  }
}
