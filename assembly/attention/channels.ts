// The products of decoding, where lanes are channels: scores of few queries with the keys of one block, and sums of its
// values. Every byte of K and V is used once, so the order of reading decides: one row after the other, each from its start
// to its end, is what hardware prefetches; four rows side by side it reads at half the speed (docs/kernels.md).
import { madd } from "../simd/math";

/** 2^112, which the bits of a float16 lack where a float has them, and half of it: queries carry the one half, scores the other. */
const BIAS: f32 = 5192296858534827628530496329220096.0;
export const HALF_BIAS: f32 = 72057594037927936.0;

/** 4 bytes a channel: `first` are four channels, `second` the next four. */
@unmanaged @final
export class Float32 {
  @inline bytes(): usize { return 32; }
  @inline load(p: usize): v128 { return v128.load(p); }
  @inline first(x: v128, _c: v128, _m: v128): v128 { return x; }
  @inline second(_x: v128, p: usize, _m: v128): v128 { return v128.load(p, 16); }
  @inline score(x: v128): v128 { return x; }
  @inline weight(x: v128): v128 { return x; }
}

/**
 * Finite float16, read as they lie: eight channels in one vector, of which `first` takes the even ones, `second` the odd ones.
 * Gives 2^-112 times the number, subnormals too: bits moved to where a float has them, without the exponent's bias.
 * c = 8192 in the even halves, m = 0x8fffe000; made of `one` = 1, since V8 would build a constant anew at each use.
 */
@unmanaged @final
export class Float16 {
  @inline bytes(): usize { return 16; }
  @inline load(p: usize): v128 { return v128.load(p); }
  @inline first(x: v128, c: v128, m: v128): v128 { return v128.and(i32x4.dot_i16x8_s(x, c), m); }
  @inline second(x: v128, _p: usize, m: v128): v128 { return v128.and(i32x4.shr_s(x, 3), m); }
  @inline score(x: v128): v128 { return f32x4.mul(x, f32x4.splat(HALF_BIAS)); }
  @inline weight(x: v128): v128 { return f32x4.mul(x, f32x4.splat(BIAS)); }
}

/** The sum of the lanes, in all of them. */
// @ts-ignore: decorator
@inline
export function sumOfLanes(x: v128): v128 {
  x = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.add(x, v128.shuffle<f32>(x, x, 1, 0, 3, 2));
}

/**
 * scores f32 [n] = one query times n keys.
 * @param query f32 [D / 8][2][4]
 * @param key T [n][D], rows `stride` bytes apart
 */
export function scoreRow<T>(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize, one: i32): void {
  const type = changetype<T>(0);
  const c = i32x4.splat(one << 13);
  const m = i32x4.splat(one * 0x8fffe000);
  const end = query + (<usize>D << 2);
  for (const last = scores + (<usize>n << 2); scores < last; scores += 4, key += stride) {
    let a = f32x4.splat(0);
    let b = a;
    let k = key & ~1;
    for (let q = query & ~15; q < end; q += 32, k += type.bytes()) {
      const x = type.load(k);
      a = madd(type.first(x, c, m), v128.load(q), a);
      b = madd(type.second(x, k, m), v128.load(q, 16), b);
    }
    v128.store32_lane(scores, type.score(sumOfLanes(f32x4.add(a, b))), 0);
  }
}

/**
 * outputs f32 [Dv / 8][2][4] += weights times n values.
 * @param value T [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n]
 */
export function sumRow<T>(value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize, one: i32): void {
  const type = changetype<T>(0);
  const c = i32x4.splat(one << 13);
  const m = i32x4.splat(one * 0x8fffe000);
  const end = outputs + (<usize>Dv << 2);
  for (const last = weights + (<usize>n << 2); weights < last; weights += 4, value += stride) {
    const w = type.weight(v128.load_splat<f32>(weights));
    let v = value & ~1;
    for (let o = outputs & ~15; o < end; o += 32, v += type.bytes()) {
      const x = type.load(v);
      v128.store(o, madd(type.first(x, c, m), w, v128.load(o)));
      v128.store(o, madd(type.second(x, v, m), w, v128.load(o, 16)), 16);
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
