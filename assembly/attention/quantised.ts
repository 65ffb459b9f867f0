// The products of decoding over int8 rows with a scale per key and group of 32 channels, in integers: queries, or the
// weights of one page times the scales of its values, become int16 relative to their largest, and one instruction
// multiplies 8 of them by 8 channels and adds pairs. Sums of a group, or of a page, stay below 2^31: 64 * 32767 * 127.
// int4 is unpacked to the same layout first. Layouts: src/cache (as written by assembly/cache).
import { CACHE_GROUP } from "../abi";
import { madd, maximum } from "../simd/math";
import { sumLanes } from "./channels";

/** Largest int16. */
const LARGEST: f32 = 32767;
/** Adding it leaves a number of at most 16 bits, rounded, in the low bits. */
const MAGIC: f32 = 12582912;
/** What the largest weight of a page is taken for at least, so that its inverse is finite. */
const LEAST: f32 = 7.7e-34;

/** to i8 [2 n] = n bytes of nibbles, each 16 bytes the low ones and then the high ones, less 8. */
export function unpackNibbles(from: usize, n: usize, to: usize): void {
  const low = i8x16.splat(15);
  const eight = i8x16.splat(8);
  for (const end = from + n; from < end; from += 16, to += 32) {
    const x = v128.load(from);
    v128.store(to, i8x16.sub(v128.and(x, low), eight));
    v128.store(to, i8x16.sub(i8x16.shr_u(x, 4), eight), 16);
  }
}

/**
 * One row of queries f32 [D] as int16, to every `rows`-th of i16 [D / 8][rows][8]; D a multiple of 32.
 * @param scales f32 [D / 32][rows][4], the scale of each group in four lanes; NaN where the group holds one
 */
export function quantiseQuery(from: usize, D: i32, rows: i32, to: usize, scales: usize): void {
  const step = <usize>rows << 4;
  for (let c = 0; c < D; c += CACHE_GROUP, scales += step) {
    let largest = f32x4.splat(LEAST);
    for (let i: usize = 0; i < 128; i += 16) largest = f32x4.max(largest, f32x4.abs(v128.load(from + i)));
    largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
    largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
    v128.store(scales, f32x4.mul(largest, f32x4.splat(1 / LARGEST)));
    const factor = f32x4.div(f32x4.splat(LARGEST), largest);
    for (let i = 0; i < 4; i++, from += 32, to += step) {
      const a = f32x4.nearest(f32x4.mul(v128.load(from), factor));
      const b = f32x4.nearest(f32x4.mul(v128.load(from, 16), factor));
      v128.store(to, i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(a), i32x4.trunc_sat_f32x4_s(b)));
    }
  }
}

/** A bfloat16 in every lane. */
// @ts-ignore: decorator
@inline
function splatBrain(at: usize): v128 {
  return i32x4.shl(v128.load_splat<u16>(at), 16);
}

/** acc + scale * the products of 32 channels: int16 of a query in q0 to q3, of a key in k0 to k3 */
// @ts-ignore: decorator
@inline
function dotGroup(
  acc: v128, q0: v128, q1: v128, q2: v128, q3: v128, k0: v128, k1: v128, k2: v128, k3: v128, scale: v128,
): v128 {
  const a = i32x4.add(i32x4.dot_i16x8_s(q0, k0), i32x4.dot_i16x8_s(q1, k1));
  const b = i32x4.add(i32x4.dot_i16x8_s(q2, k2), i32x4.dot_i16x8_s(q3, k3));
  return madd(f32x4.convert_i32x4_s(i32x4.add(a, b)), scale, acc);
}

/** The same with the key's 32 channels in memory. */
// @ts-ignore: decorator
@inline
function dotKey(acc: v128, q0: v128, q1: v128, q2: v128, q3: v128, key: usize, scale: v128): v128 {
  return dotGroup(
    acc, q0, q1, q2, q3, v128.load_ext<i8>(key), v128.load_ext<i8>(key, 8), v128.load_ext<i8>(key, 16),
    v128.load_ext<i8>(key, 24), scale,
  );
}

/** The same with the query's, 8 channels of four rows after each other. */
// @ts-ignore: decorator
@inline
function dotQuery(acc: v128, query: usize, k0: v128, k1: v128, k2: v128, k3: v128, scale: v128): v128 {
  return dotGroup(
    acc, v128.load(query), v128.load(query, 64), v128.load(query, 128), v128.load(query, 192), k0, k1, k2, k3, scale,
  );
}

/**
 * scores f32 [n rounded up to 4] = one query times n keys i8 [n][D]. All 64 rows of a page can be read.
 * @param scales bf16 [n][D / 32]
 * @param query i16 [D], and its scales f32 [D / 32][4]
 */
export function scoreQuantisedRow(
  query: usize, queryScales: usize, key: usize, scales: usize, n: i32, D: i32, scores: usize,
): void {
  const end = query + (<usize>D << 1);
  const scaleRow = <usize>D >> 4;
  for (let j = 0; j < n; j += 4, scores += 16) {
    let k0 = (key + <usize>(j * D)) & ~15;
    let k1 = k0 + <usize>D;
    let k2 = k1 + <usize>D;
    let k3 = k2 + <usize>D;
    let s = (scales + <usize>j * scaleRow) & ~1;
    const zero = f32x4.splat(0);
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    let qs = queryScales;
    for (let q = query & ~15; q < end; q += 64) {
      const q0 = v128.load(q);
      const q1 = v128.load(q, 16);
      const q2 = v128.load(q, 32);
      const q3 = v128.load(q, 48);
      const scale = v128.load(qs);
      a0 = dotKey(a0, q0, q1, q2, q3, k0, f32x4.mul(scale, splatBrain(s)));
      a1 = dotKey(a1, q0, q1, q2, q3, k1, f32x4.mul(scale, splatBrain(s + scaleRow)));
      a2 = dotKey(a2, q0, q1, q2, q3, k2, f32x4.mul(scale, splatBrain(s + 2 * scaleRow)));
      a3 = dotKey(a3, q0, q1, q2, q3, k3, f32x4.mul(scale, splatBrain(s + 3 * scaleRow)));
      k0 += 32;
      k1 += 32;
      k2 += 32;
      k3 += 32;
      s += 2;
      qs += 16;
    }
    v128.store(scores, sumLanes(a0, a1, a2, a3));
  }
}

/**
 * scores f32 [n rounded up to 4][4] = four queries times n keys i8 [n][D].
 * @param query i16 [D / 8][4 rows][8], and its scales f32 [D / 32][4 rows][4]
 */
export function scoreQuantisedRows(
  query: usize, queryScales: usize, key: usize, scales: usize, n: i32, D: i32, scores: usize,
): void {
  const end = query + (<usize>D << 3);
  let s = scales & ~1;
  let k = key & ~15;
  for (const last = scores + (<usize>((n + 3) & ~3) << 4); scores < last; scores += 16) {
    const zero = f32x4.splat(0);
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    let qs = queryScales;
    for (let q = query & ~15; q < end; q += 256) {
      const k0 = v128.load_ext<i8>(k);
      const k1 = v128.load_ext<i8>(k, 8);
      const k2 = v128.load_ext<i8>(k, 16);
      const k3 = v128.load_ext<i8>(k, 24);
      const scale = splatBrain(s);
      a0 = dotQuery(a0, q, k0, k1, k2, k3, f32x4.mul(scale, v128.load(qs)));
      a1 = dotQuery(a1, q + 16, k0, k1, k2, k3, f32x4.mul(scale, v128.load(qs, 16)));
      a2 = dotQuery(a2, q + 32, k0, k1, k2, k3, f32x4.mul(scale, v128.load(qs, 32)));
      a3 = dotQuery(a3, q + 48, k0, k1, k2, k3, f32x4.mul(scale, v128.load(qs, 48)));
      k += 32;
      s += 2;
      qs += 64;
    }
    v128.store(scores, sumLanes(a0, a1, a2, a3));
  }
}

/**
 * Weights times the scales of one group's values, as pairs of int16 (keys 2t and 2t + 1) relative to the largest.
 * @param weights f32 [n] or, with four rows, [n][4]; n a multiple of 8
 * @param scales bf16 [n]
 * @param products f32, room for as many as there are weights
 * @param pairs i32 [n / 2], or [n / 2][4 rows][4] with each pair in four lanes
 * @returns what sums of products with them are multiplied by: of one row in every lane, of four in one each
 */
export function quantiseWeights(weights: usize, scales: usize, n: i32, four: bool, products: usize, pairs: usize): v128 {
  let largest = f32x4.splat(LEAST);
  let at: usize = 0;
  for (const end = <usize>n << (four ? 4 : 2); at < end; at += 16) {
    const scale = four ? splatBrain(scales + (at >> 3)) : i32x4.shl(v128.load_ext<u16>(scales + (at >> 1)), 16);
    const product = f32x4.mul(v128.load(weights + at), scale);
    v128.store(products + at, product);
    largest = maximum(largest, product);
  }
  if (!four) {
    largest = maximum(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
    largest = maximum(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
  }
  const factor = f32x4.div(f32x4.splat(LARGEST), largest);
  const magic = f32x4.splat(MAGIC);
  const half = i32x4.splat(0xffff);
  for (const end = products + at; products < end; products += 32) {
    // NaN, from a scale that was never written, has low bits of zero
    let a = madd(v128.load(products), factor, magic);
    let b = madd(v128.load(products, 16), factor, magic);
    if (!four) {
      const even = v128.shuffle<f32>(a, b, 0, 2, 4, 6);
      b = v128.shuffle<f32>(a, b, 1, 3, 5, 7);
      a = even;
    }
    const pair = v128.or(v128.and(a, half), i32x4.shl(b, 16));
    if (four) {
      v128.store(pairs, v128.shuffle<i32>(pair, pair, 0, 0, 0, 0));
      v128.store(pairs, v128.shuffle<i32>(pair, pair, 1, 1, 1, 1), 16);
      v128.store(pairs, v128.shuffle<i32>(pair, pair, 2, 2, 2, 2), 32);
      v128.store(pairs, v128.shuffle<i32>(pair, pair, 3, 3, 3, 3), 48);
      pairs += 64;
    } else {
      v128.store(pairs, pair);
      pairs += 16;
    }
  }
  return f32x4.mul(largest, f32x4.splat(1 / LARGEST));
}

// @ts-ignore: decorator
@inline
function addPair(acc: v128, values: v128, pair: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(values, pair));
}

// @ts-ignore: decorator
@inline
function scaled(sum: v128, factor: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(sum), factor);
}

/**
 * outputs f32 [32] = factor times the sum over pairs of one group.
 * @param value i8 [n / 2][32][2]
 * @param pairs i32 [n / 2], to `end`
 */
export function sumQuantisedRow(value: usize, pairs: usize, end: usize, factor: v128, outputs: usize): void {
  const zero = i32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
  let v = value & ~15;
  for (let p = pairs & ~3; p < end; p += 4, v += 64) {
    const pair = v128.load_splat<i32>(p);
    a0 = addPair(a0, v128.load_ext<i8>(v), pair);
    a1 = addPair(a1, v128.load_ext<i8>(v, 8), pair);
    a2 = addPair(a2, v128.load_ext<i8>(v, 16), pair);
    a3 = addPair(a3, v128.load_ext<i8>(v, 24), pair);
    a4 = addPair(a4, v128.load_ext<i8>(v, 32), pair);
    a5 = addPair(a5, v128.load_ext<i8>(v, 40), pair);
    a6 = addPair(a6, v128.load_ext<i8>(v, 48), pair);
    a7 = addPair(a7, v128.load_ext<i8>(v, 56), pair);
  }
  v128.store(outputs, scaled(a0, factor));
  v128.store(outputs, scaled(a1, factor), 16);
  v128.store(outputs, scaled(a2, factor), 32);
  v128.store(outputs, scaled(a3, factor), 48);
  v128.store(outputs, scaled(a4, factor), 64);
  v128.store(outputs, scaled(a5, factor), 80);
  v128.store(outputs, scaled(a6, factor), 96);
  v128.store(outputs, scaled(a7, factor), 112);
}

/**
 * outputs f32 [4][2][4 rows][4] = the same for four rows, each with a factor of its own.
 * @param pairs i32 [n / 2][4 rows][4], to `end`
 */
export function sumQuantisedRows(value: usize, pairs: usize, end: usize, factor: v128, outputs: usize): void {
  const f0 = v128.shuffle<f32>(factor, factor, 0, 0, 0, 0);
  const f1 = v128.shuffle<f32>(factor, factor, 1, 1, 1, 1);
  const f2 = v128.shuffle<f32>(factor, factor, 2, 2, 2, 2);
  const f3 = v128.shuffle<f32>(factor, factor, 3, 3, 3, 3);
  for (const last = outputs + 512; outputs < last; outputs += 128, value += 16) {
    const zero = i32x4.splat(0);
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
    let v = value & ~15;
    for (let p = pairs & ~15; p < end; p += 64, v += 64) {
      const x = v128.load_ext<i8>(v);
      const y = v128.load_ext<i8>(v, 8);
      let pair = v128.load(p);
      a0 = addPair(a0, x, pair);
      b0 = addPair(b0, y, pair);
      pair = v128.load(p, 16);
      a1 = addPair(a1, x, pair);
      b1 = addPair(b1, y, pair);
      pair = v128.load(p, 32);
      a2 = addPair(a2, x, pair);
      b2 = addPair(b2, y, pair);
      pair = v128.load(p, 48);
      a3 = addPair(a3, x, pair);
      b3 = addPair(b3, y, pair);
    }
    v128.store(outputs, scaled(a0, f0));
    v128.store(outputs, scaled(a1, f1), 16);
    v128.store(outputs, scaled(a2, f2), 32);
    v128.store(outputs, scaled(a3, f3), 48);
    v128.store(outputs, scaled(b0, f0), 64);
    v128.store(outputs, scaled(b1, f1), 80);
    v128.store(outputs, scaled(b2, f2), 96);
    v128.store(outputs, scaled(b3, f3), 112);
  }
}
