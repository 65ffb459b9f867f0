// The products of decoding over int8 with a scale per key and group of 32 channels, in integers: a query, or the weights of
// one page times the scales of its values, become int16 relative to their largest, and one instruction multiplies 8 of
// them by 8 channels and adds pairs. Sums of a group, or of a page, stay below 2^31: 64 * 32767 * 127.
// int4 is unpacked to int8 first, sixteenfold. Layouts: assembly/cache/page.ts. All 64 keys of a page can be read.
import { madd } from "../simd/math";

/** Largest int16. */
const LARGEST: f32 = 32767;
/** Adding it leaves a number of at most 16 bits, rounded, in the low bits. */
const MAGIC: f32 = 12582912;
/** What the largest number of a group is taken for at least, so that its inverse is finite. */
const LEAST: f32 = 7.7e-34;

/** to i8 [2048] = 16 times 1024 bytes of nibbles, each 16 bytes the low ones and then the high ones. */
export function unpackNibbles(from: usize, to: usize): void {
  // Through memory, since V8 builds a constant anew at each use
  v128.store(to, i8x16.splat(-16));
  v128.store(to, i16x8.splat(16), 16);
  const high = v128.load(to);
  // A shift, of which JavaScriptCore makes four instructions
  const sixteen = v128.load(to, 16);
  const end = to + 2048;
  do {
    const x = v128.load(from);
    v128.store(to, v128.and(i16x8.mul(x, sixteen), high));
    v128.store(to, v128.and(x, high), 16);
    from += 16;
    to += 32;
  } while (to < end);
}

/**
 * Numbers times scales, as integers relative to the largest: to i16 [n] = f32 [n], n a multiple of 8.
 * @param scales bf16 [n]
 * @param products f32 [n], for use
 * @param unit what the numbers are multiples of that they are to multiply
 * @returns what they are multiples of, in every lane; NaN where there is one
 */
export function quantise(from: usize, scales: usize, n: i32, products: usize, to: usize, unit: f32): v128 {
  // Through memory, since V8 builds a constant anew at each use
  v128.store(to, i32x4.splat(0x7fffffff));
  const magnitude = v128.load(to);
  const end = products + (<usize>n << 2);
  let largest = f32x4.splat(LEAST);
  for (let at = products; at < end; at += 16, from += 16, scales += 8) {
    const x = v128.load(from);
    // What is zero, or weighs nothing, is not looked at, whatever its scale
    const product = v128.and(f32x4.mul(x, i32x4.shl(v128.load_ext<u16>(scales), 16)), f32x4.ne(x, f32x4.splat(0)));
    v128.store(at, product);
    // Compared as integers: a NaN is the largest
    largest = i32x4.max_s(largest, v128.and(product, magnitude));
  }
  largest = i32x4.max_s(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1));
  largest = i32x4.max_s(largest, v128.shuffle<i32>(largest, largest, 1, 0, 3, 2));
  const factor = f32x4.div(f32x4.splat(LARGEST), largest);
  const magic = f32x4.splat(MAGIC);
  for (; products < end; products += 32, to += 16) {
    const a = i32x4.sub(madd(v128.load(products), factor, magic), magic);
    const b = i32x4.sub(madd(v128.load(products, 16), factor, magic), magic);
    v128.store(to, i16x8.narrow_i32x4_s(a, b));
  }
  return f32x4.mul(largest, f32x4.splat(unit / LARGEST));
}

/** The products of 32 channels of a key, added up in fours. */
// @ts-ignore: decorator
@inline
function dot(q0: v128, q1: v128, q2: v128, q3: v128, key: usize): v128 {
  const a = i32x4.add(i32x4.dot_i16x8_s(q0, v128.load_ext<i8>(key)), i32x4.dot_i16x8_s(q1, v128.load_ext<i8>(key, 8)));
  const b = i32x4.add(i32x4.dot_i16x8_s(q2, v128.load_ext<i8>(key, 16)), i32x4.dot_i16x8_s(q3, v128.load_ext<i8>(key, 24)));
  return i32x4.add(a, b);
}

/**
 * scores f32 [n] += one group of the query times that of n keys, n rounded up to 4.
 * @param query i16 [32], multiples of `factor`
 * @param key i8 [n][32]
 * @param scales bf16 [n]
 */
export function scoreGroup(query: usize, factor: v128, key: usize, scales: usize, n: i32, scores: usize): void {
  const q0 = v128.load(query);
  const q1 = v128.load(query, 16);
  const q2 = v128.load(query, 32);
  const q3 = v128.load(query, 48);
  let k = key & ~15;
  for (const end = scores + (<usize>n << 2); scores < end; scores += 16, scales += 8, k += 128) {
    const a = dot(q0, q1, q2, q3, k);
    const b = dot(q0, q1, q2, q3, k + 32);
    let c = a, d = b;
    // Two keys may be all that is left; and V8 12 would load all of four keys before it multiplies any, and spill
    if (scores + 8 < end) {
      c = dot(q0, q1, q2, q3, k + 64);
      d = dot(q0, q1, q2, q3, k + 96);
    }
    const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
    const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
    const sums = i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
    const scale = f32x4.mul(i32x4.shl(v128.load_ext<u16>(scales), 16), factor);
    v128.store(scores, madd(f32x4.convert_i32x4_s(sums), scale, v128.load(scores)));
  }
}

// @ts-ignore: decorator
@inline
function addPair(acc: v128, values: usize, pair: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(v128.load_ext<i8>(values), pair));
}

// @ts-ignore: decorator
@inline
function addScaled(to: usize, sum: v128, factor: v128): void {
  v128.store(to, madd(f32x4.convert_i32x4_s(sum), factor, v128.load(to)));
}

/**
 * outputs f32 [32] += factor times the sum over pairs of one group.
 * @param value i8 [n / 2][32][2]
 * @param pairs i32 [n / 2], up to `end`
 */
export function sumGroup(value: usize, pairs: usize, end: usize, factor: v128, outputs: usize): void {
  const zero = i32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
  let v = value & ~15;
  for (let p = pairs & ~3; p < end; p += 4, v += 64) {
    const pair = v128.load_splat<i32>(p);
    a0 = addPair(a0, v, pair);
    a1 = addPair(a1, v + 8, pair);
    a2 = addPair(a2, v + 16, pair);
    // Always: V8 12 would load all eight before it multiplies any, and spill
    if (p) {
      a3 = addPair(a3, v + 24, pair);
      a4 = addPair(a4, v + 32, pair);
      a5 = addPair(a5, v + 40, pair);
    }
    if (p) {
      a6 = addPair(a6, v + 48, pair);
      a7 = addPair(a7, v + 56, pair);
    }
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
