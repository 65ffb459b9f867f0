// The products of decoding over float32, where lanes are channels: scores of few queries with the keys of one block, and sums
// of its values. Every byte of K and V is used once, so the order of reading decides: of one row a key at a time, as they lie;
// of four, which take longer to compute than to read, two keys side by side, read ahead in order (ahead.ts, docs/kernels.md).
// Contract: what was read ahead goes to `sink`, i32, at the end.
import { madd } from "../simd/math";
import { lastPage, lookUpPage, pagesAhead, readLines } from "./ahead";

/** Sums of the lanes of four vectors. */
// @ts-ignore: decorator
@inline
export function sumLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** The sum of the lanes, in all of them. */
// @ts-ignore: decorator
@inline
export function sumOfLanes(x: v128): v128 {
  x = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.add(x, v128.shuffle<f32>(x, x, 1, 0, 3, 2));
}

/** One query times one key, f32 [D] both, in four sums. */
// @ts-ignore: decorator
@inline
function product(query: usize, end: usize, key: usize): v128 {
  let a = f32x4.splat(0);
  let b = a, c = a, d = a;
  let q = query & ~15;
  let k = key & ~3;
  for (; q + 64 <= end; q += 64, k += 64) {
    a = madd(v128.load(k), v128.load(q), a);
    b = madd(v128.load(k, 16), v128.load(q, 16), b);
    c = madd(v128.load(k, 32), v128.load(q, 32), c);
    d = madd(v128.load(k, 48), v128.load(q, 48), d);
  }
  if (q < end) {
    a = madd(v128.load(k), v128.load(q), a);
    b = madd(v128.load(k, 16), v128.load(q, 16), b);
  }
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
}

/**
 * scores f32 [n rounded up to 4] = one query times n keys.
 * @param query f32 [D], D a multiple of 8
 * @param key f32 [n][D], rows `stride` bytes apart
 */
export function scoreRow(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize, sink: usize): void {
  const end = query + (<usize>D << 2);
  const last = lastPage();
  const ahead = pagesAhead(stride);
  let a = f32x4.splat(0);
  let b = a, c = a;
  let looked: i32 = 0;
  for (let j = 0; j < ((n + 3) & ~3); j++) {
    looked |= lookUpPage(key + ahead, last);
    const d = product(query, end, key);
    if ((j & 3) == 3) {
      v128.store(scores, sumLanes(a, b, c, d));
      scores += 16;
    }
    a = b;
    b = c;
    c = d;
    // Past the last, it comes again
    key += j + 1 < n ? stride : 0;
  }
  store<i32>(sink, looked);
}

/**
 * outputs f32 [Dv] += weights times n values; Dv a multiple of 8.
 * @param value f32 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n]
 */
export function sumRow(
  value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize, sink: usize,
): void {
  const end = outputs + (<usize>Dv << 2);
  const last = lastPage();
  const ahead = pagesAhead(stride);
  let looked: i32 = 0;
  for (const past = weights + (<usize>n << 2); weights < past; weights += 4, value += stride) {
    const w = v128.load_splat<f32>(weights);
    looked |= lookUpPage(value + ahead, last);
    let v = value & ~3;
    for (let o = outputs & ~15; o < end; o += 32, v += 32) {
      v128.store(o, madd(v128.load(v), w, v128.load(o)));
      v128.store(o, madd(v128.load(v, 16), w, v128.load(o, 16)), 16);
    }
  }
  store<i32>(sink, looked);
}

/**
 * scores f32 [n][4] = four queries times n keys, two at a time: four accumulators would wait for each other.
 * @param query f32 [D / 4][4 rows][4]
 * @param key f32 [n][D], rows `stride` bytes apart
 */
export function scoreRows(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize, sink: usize): void {
  const end = query + (<usize>D << 4);
  const last = lastPage();
  const ahead = pagesAhead(stride);
  // Two rows, where nothing lies between them
  const next: usize = stride == <usize>D << 2 ? stride << 1 : 0;
  let looked: i32 = 0;
  for (const past = scores + (<usize>n << 4); scores < past; scores += 32, key += stride << 1) {
    const pair = scores + 16 < past;
    let a0 = f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    looked |= lookUpPage(key + ahead, last) | readLines(key + next, next, last);
    let k0 = key & ~3;
    let k1 = k0 + (pair ? stride : 0);
    for (let q = query & ~15; q < end; q += 64) {
      const x = v128.load(k0);
      const y = v128.load(k1);
      let row = v128.load(q);
      a0 = madd(x, row, a0);
      b0 = madd(y, row, b0);
      row = v128.load(q, 16);
      a1 = madd(x, row, a1);
      b1 = madd(y, row, b1);
      row = v128.load(q, 32);
      a2 = madd(x, row, a2);
      b2 = madd(y, row, b2);
      row = v128.load(q, 48);
      a3 = madd(x, row, a3);
      b3 = madd(y, row, b3);
      k0 += 16;
      k1 += 16;
    }
    v128.store(scores, sumLanes(a0, a1, a2, a3));
    if (pair) v128.store(scores, sumLanes(b0, b1, b2, b3), 16);
  }
  store<i32>(sink, looked);
}

/**
 * outputs f32 [Dv / 4][4 rows][4] += weights times n values, two at a time: half as many loads and stores of outputs.
 * @param value f32 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n][4 rows]
 */
export function sumRows(
  value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize, sink: usize,
): void {
  const end = outputs + (<usize>Dv << 4);
  const last = lastPage();
  const ahead = pagesAhead(stride);
  // Two rows, where nothing lies between them
  const next: usize = stride == <usize>Dv << 2 ? stride << 1 : 0;
  let looked: i32 = 0;
  for (const past = weights + (<usize>n << 4); weights < past; weights += 32, value += stride << 1) {
    const pair = weights + 16 < past;
    // The last of an odd number comes twice, with half its weight
    const factor = f32x4.splat(pair ? 1 : 0.5);
    const w = f32x4.mul(v128.load(weights), factor);
    const u = f32x4.mul(v128.load(pair ? weights + 16 : weights), factor);
    const w0 = v128.shuffle<f32>(w, w, 0, 0, 0, 0);
    const w1 = v128.shuffle<f32>(w, w, 1, 1, 1, 1);
    const w2 = v128.shuffle<f32>(w, w, 2, 2, 2, 2);
    const w3 = v128.shuffle<f32>(w, w, 3, 3, 3, 3);
    const u0 = v128.shuffle<f32>(u, u, 0, 0, 0, 0);
    const u1 = v128.shuffle<f32>(u, u, 1, 1, 1, 1);
    const u2 = v128.shuffle<f32>(u, u, 2, 2, 2, 2);
    const u3 = v128.shuffle<f32>(u, u, 3, 3, 3, 3);
    looked |= lookUpPage(value + ahead, last) | readLines(value + next, next, last);
    let v0 = value & ~3;
    let v1 = v0 + (pair ? stride : 0);
    for (let o = outputs & ~15; o < end; o += 64) {
      const x = v128.load(v0);
      const y = v128.load(v1);
      v128.store(o, madd(y, u0, madd(x, w0, v128.load(o))));
      v128.store(o, madd(y, u1, madd(x, w1, v128.load(o, 16))), 16);
      v128.store(o, madd(y, u2, madd(x, w2, v128.load(o, 32))), 32);
      v128.store(o, madd(y, u3, madd(x, w3, v128.load(o, 48))), 48);
      v0 += 16;
      v1 += 16;
    }
  }
  store<i32>(sink, looked);
}
