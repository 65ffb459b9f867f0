// The products of decoding over int8 rows with a scale per key and group of 32 channels, in integers: a query, or the
// weights of one page times the scales of its values, become int16 relative to their largest, and one instruction
// multiplies 8 of them by 8 channels and adds pairs. Sums of a group, or of a page, stay below 2^31: 64 * 32767 * 127.
// int4 is unpacked to int8 first. Layouts: assembly/cache/page.ts. All 64 keys of a page can be read.
import { CACHE_GROUP } from "../abi";
import { madd, maximum } from "../simd/math";
import { touchLine } from "./channels";

/** Largest int16. */
const LARGEST: f32 = 32767;
/** Adding it leaves a number of at most 16 bits, rounded, in the low bits. */
const MAGIC: f32 = 12582912;
/** What the largest weight of a page is taken for at least, so that its inverse is finite. */
const LEAST: f32 = 7.7e-34;

/** to i8 [2 n] = n bytes of nibbles, each 16 bytes the low ones and then the high ones, less 8. */
export function unpackNibbles(from: usize, n: usize, to: usize): void {
  // Through memory, since V8 builds a constant anew at each use
  v128.store(to, i8x16.splat(15));
  v128.store(to, i8x16.splat(8), 16);
  const low = v128.load(to);
  const eight = v128.load(to, 16);
  for (const end = from + n; from < end; from += 16, to += 32) {
    const x = v128.load(from);
    v128.store(to, i8x16.sub(v128.and(x, low), eight));
    v128.store(to, i8x16.sub(v128.and(i16x8.shr_u(x, 4), low), eight), 16);
  }
}

/** The largest of four lanes, in all of them. */
// @ts-ignore: decorator
@inline
function largestLane(x: v128): v128 {
  x = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.max(x, v128.shuffle<f32>(x, x, 1, 0, 3, 2));
}

/**
 * to i16 [D] = a query f32 [D], D a multiple of 32.
 * @param scales f32 [D / 32][4], the scale of each group in four lanes; NaN where the group holds one
 */
export function quantiseQuery(from: usize, D: i32, to: usize, scales: usize): void {
  for (const end = scales + (<usize>D >> 1); scales < end; scales += 16) {
    let largest = f32x4.splat(LEAST);
    for (let i: usize = 0; i < 128; i += 16) largest = f32x4.max(largest, f32x4.abs(v128.load(from + i)));
    largest = largestLane(largest);
    v128.store(scales, f32x4.mul(largest, f32x4.splat(1 / LARGEST)));
    const factor = f32x4.div(f32x4.splat(LARGEST), largest);
    for (const next = from + 128; from < next; from += 32, to += 16) {
      const a = f32x4.nearest(f32x4.mul(v128.load(from), factor));
      const b = f32x4.nearest(f32x4.mul(v128.load(from, 16), factor));
      v128.store(to, i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(a), i32x4.trunc_sat_f32x4_s(b)));
    }
  }
}

/**
 * acc + the products of 32 channels.
 * @param scale of the query's group, in four lanes
 * @param s of the key's, a bfloat16: read with the two bytes before it, which `high` takes away again
 */
// @ts-ignore: decorator
@inline
function dotGroup(acc: v128, q0: v128, q1: v128, q2: v128, q3: v128, key: usize, scale: v128, s: usize, high: v128): v128 {
  const a = i32x4.add(i32x4.dot_i16x8_s(q0, v128.load_ext<i8>(key)), i32x4.dot_i16x8_s(q1, v128.load_ext<i8>(key, 8)));
  const b = i32x4.add(i32x4.dot_i16x8_s(q2, v128.load_ext<i8>(key, 16)), i32x4.dot_i16x8_s(q3, v128.load_ext<i8>(key, 24)));
  const both = f32x4.mul(scale, v128.and(v128.load_splat<f32>(s - 2), high));
  return madd(f32x4.convert_i32x4_s(i32x4.add(a, b)), both, acc);
}

/**
 * scores f32 [n rounded up to 2] = one query times n keys i8 [n][D].
 * @param scales bf16 [n][D / 32]
 * @param query i16 [D], and its scales f32 [D / 32][4]
 * @param constants the second: 0xffff0000
 * @param ahead where a word is touched at each turn, `step` bytes after the last
 */
export function scoreQuantised(
  query: usize, queryScales: usize, key: usize, scales: usize, n: i32, D: i32, scores: usize, constants: usize,
  ahead: usize, step: usize,
): void {
  const end = query + (<usize>D << 1);
  const high = v128.load(constants, 16);
  let k0 = key & ~15;
  let s0 = scales & ~1;
  for (const last = scores + (<usize>n << 2); scores < last; scores += 8) {
    let k1 = k0 + <usize>D;
    let s1 = s0 + (<usize>D >> 4);
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let qs = queryScales;
    for (let q = query & ~15; q < end; q += 64) {
      touchLine(ahead, scores);
      ahead += step;
      const q0 = v128.load(q);
      const q1 = v128.load(q, 16);
      const q2 = v128.load(q, 32);
      const q3 = v128.load(q, 48);
      const scale = v128.load(qs);
      a0 = dotGroup(a0, q0, q1, q2, q3, k0, scale, s0, high);
      a1 = dotGroup(a1, q0, q1, q2, q3, k1, scale, s1, high);
      k0 += CACHE_GROUP;
      k1 += CACHE_GROUP;
      s0 += 2;
      s1 += 2;
      qs += 16;
    }
    k0 = k1;
    s0 = s1;
    a0 = f32x4.add(v128.shuffle<f32>(a0, a1, 0, 4, 1, 5), v128.shuffle<f32>(a0, a1, 2, 6, 3, 7));
    v128.store64_lane(scores, f32x4.add(a0, v128.shuffle<f32>(a0, a0, 2, 3, 2, 3)), 0);
  }
}

/**
 * Weights times the scales of one group's values, as pairs of int16 (keys 2t and 2t + 1) relative to the largest.
 * @param weights f32 [n], n a multiple of 8
 * @param scales bf16 [n]
 * @param products f32 [n], where the products stay
 * @param pairs i32 [n / 2]
 * @returns what sums of products with them are multiplied by, in every lane
 */
export function quantiseWeights(weights: usize, scales: usize, n: i32, products: usize, pairs: usize): v128 {
  const zero = f32x4.splat(0);
  let largest = f32x4.splat(LEAST);
  let sum = zero;
  const end = products + (<usize>n << 2);
  for (let to = products; to < end; to += 16, weights += 16, scales += 8) {
    const weight = v128.load(weights);
    let product = f32x4.mul(weight, i32x4.shl(v128.load_ext<u16>(scales), 16));
    // What weighs nothing is not looked at, whatever its scale
    product = v128.and(product, f32x4.ne(weight, zero));
    v128.store(to, product);
    largest = maximum(largest, product);
    sum = f32x4.add(sum, product);
  }
  largest = largestLane(largest);
  const factor = f32x4.div(f32x4.splat(LARGEST), largest);
  const magic = f32x4.splat(MAGIC);
  for (; products < end; products += 32, pairs += 16) {
    const a = i32x4.sub(madd(v128.load(products), factor, magic), magic);
    const b = i32x4.sub(madd(v128.load(products, 16), factor, magic), magic);
    v128.store(pairs, i16x8.narrow_i32x4_s(a, b));
  }
  // NaN, which no integer is, through the factor
  sum = f32x4.mul(largestLane(sum), zero);
  return f32x4.add(f32x4.mul(largest, f32x4.splat(1 / LARGEST)), sum);
}

// @ts-ignore: decorator
@inline
function addPair(acc: v128, values: v128, pair: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(values, pair));
}

// @ts-ignore: decorator
@inline
function addScaled(to: usize, sum: v128, factor: v128): void {
  v128.store(to, madd(f32x4.convert_i32x4_s(sum), factor, v128.load(to)));
}

/**
 * outputs f32 [32] += factor times the sum over pairs of one group.
 * @param value i8 [n / 2][32][2]
 * @param pairs i32 [n / 2], to `end`, where a word may be written
 */
export function sumQuantised(
  value: usize, pairs: usize, end: usize, factor: v128, outputs: usize, ahead: usize, step: usize,
): void {
  const zero = i32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
  let v = value & ~15;
  for (let p = pairs & ~3; p < end; p += 4, v += 64) {
    touchLine(ahead, end);
    ahead += step;
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
  addScaled(outputs, a0, factor);
  addScaled(outputs + 16, a1, factor);
  addScaled(outputs + 32, a2, factor);
  addScaled(outputs + 48, a3, factor);
  addScaled(outputs + 64, a4, factor);
  addScaled(outputs + 80, a5, factor);
  addScaled(outputs + 96, a6, factor);
  addScaled(outputs + 112, a7, factor);
}
