// The products of decoding over float32, where lanes are channels: scores of few queries with the keys of one block, and sums
// of its values. Every byte of K and V is used once, so the order of reading decides. A block is read in two halves side by
// side, a row of each at a time: far apart they are two streams that hardware prefetches, quicker than one, and share loads of
// queries and outputs (docs/kernels.md).
// Contract: rows are `stride` bytes apart; the first `half` of n, at least as many as there are others, begin at the address, the
// others `far` bytes behind it. What has no partner, from `lone` on, is its own.
// Inner loops of four rows test at their end, since there is always a first turn: V8 12 makes up to a fifth fewer instructions of them
// than of those that test before it. Those of one row do not: V8 14 and Deno took 4 to 8 % longer.
import { madd } from "../simd/math";

const PAGE: usize = 4096;
const AHEAD: usize = 4 * PAGE;

/** How far ahead pages are looked up: four of them, or, where rows are further apart than that, two rows. */
// @ts-ignore: decorator
@inline
function pagesAhead(stride: usize): usize {
  return max(AHEAD, stride << 1);
}

/**
 * Has the page of an address looked up: prefetching stops at the end of a page, whose successor it would have to look up first.
 * WebAssembly has no prefetch, so it is a load. What it reads is stored once, at the end, where nobody looks, or engines may leave it
 * out; not at each turn, since a store that waits for memory holds up whatever load the processor takes for its reader.
 */
// @ts-ignore: decorator
@inline
function lookUp(at: usize, last: usize): i32 {
  return load<i32>(min(at, last) & ~(PAGE - 1));
}

/** The last page of memory. */
// @ts-ignore: decorator
@inline
function lastPage(): usize {
  return (<usize>memory.size() << 16) - PAGE;
}

/** Sums of the lanes of four vectors. */
// @ts-ignore: decorator
@inline
export function sumLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Sums of the lanes of two vectors, in the first two lanes. */
// @ts-ignore: decorator
@inline
export function sumPair(a: v128, b: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  return f32x4.add(ab, v128.shuffle<i64>(ab, ab, 1, 0));
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
 * @param query f32 [D], D a multiple of 8
 * @param key f32 [n][D]
 * @param sink i32, of no meaning
 */
export function scoreRow(
  query: usize, key: usize, far: usize, stride: usize, half: i32, n: i32, D: i32, scores: usize, sink: usize,
): void {
  const end = query + (<usize>D << 2);
  const last = lastPage();
  const ahead = pagesAhead(stride);
  const lone = scores + (<usize>(n - half) << 2);
  let step = <usize>half << 2;
  let looked: i32 = 0;
  for (const middle = scores + step; scores < middle; scores += 4, key += stride) {
    if (scores == lone) far = step = 0;
    let k = key & ~3;
    let l = k + far;
    looked |= lookUp(k + ahead, last) | lookUp(l + ahead, last);
    let a0 = f32x4.splat(0);
    let a1 = a0, b0 = a0, b1 = a0;
    for (let q = query & ~15; q < end; q += 32, k += 32, l += 32) {
      const x = v128.load(q);
      const y = v128.load(q, 16);
      a0 = madd(v128.load(k), x, a0);
      b0 = madd(v128.load(l), x, b0);
      a1 = madd(v128.load(k, 16), y, a1);
      b1 = madd(v128.load(l, 16), y, b1);
    }
    const sums = sumPair(f32x4.add(a0, a1), f32x4.add(b0, b1));
    v128.store32_lane(scores, sums, 0);
    v128.store32_lane(scores + step, sums, 1);
  }
  store<i32>(sink, looked);
}

/**
 * outputs f32 [Dv] += weights times n values; Dv a multiple of 8.
 * @param value f32 [n][Dv]
 * @param weights f32 [n]
 * @param sink i32, of no meaning
 */
export function sumRow(
  value: usize, far: usize, stride: usize, half: i32, n: i32, Dv: i32, weights: usize, outputs: usize, sink: usize,
): void {
  const end = outputs + (<usize>Dv << 2);
  const last = lastPage();
  const ahead = pagesAhead(stride);
  const lone = weights + (<usize>(n - half) << 2);
  let factor = f32x4.splat(1);
  let step = <usize>half << 2;
  let looked: i32 = 0;
  for (const middle = weights + step; weights < middle; weights += 4, value += stride) {
    // It comes twice, with half its weight
    if (weights == lone) {
      far = step = 0;
      factor = f32x4.splat(0.5);
    }
    const w = f32x4.mul(v128.load_splat<f32>(weights), factor);
    const u = f32x4.mul(v128.load_splat<f32>(weights + step), factor);
    let v = value & ~3;
    let x = v + far;
    looked |= lookUp(v + ahead, last) | lookUp(x + ahead, last);
    for (let o = outputs & ~15; o < end; o += 32, v += 32, x += 32) {
      v128.store(o, madd(v128.load(x), u, madd(v128.load(v), w, v128.load(o))));
      v128.store(o, madd(v128.load(x, 16), u, madd(v128.load(v, 16), w, v128.load(o, 16))), 16);
    }
  }
  store<i32>(sink, looked);
}

/**
 * scores f32 [n][4] = four queries times n keys.
 * @param query f32 [D / 4][4 rows][4]
 * @param key f32 [n][D]
 */
export function scoreRows(query: usize, key: usize, far: usize, stride: usize, half: i32, n: i32, D: i32, scores: usize): void {
  const end = query + (<usize>D << 4);
  const lone = scores + (<usize>(n - half) << 4);
  let step = <usize>half << 4;
  for (const middle = scores + step; scores < middle; scores += 16, key += stride) {
    if (scores == lone) far = step = 0;
    let a0 = f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    let k = key & ~3;
    let l = k + far;
    let q = query & ~15;
    do {
      const x = v128.load(k);
      const y = v128.load(l);
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
      k += 16;
      l += 16;
      q += 64;
    } while (q < end);
    v128.store(scores, sumLanes(a0, a1, a2, a3));
    v128.store(scores + step, sumLanes(b0, b1, b2, b3));
  }
}

/**
 * outputs f32 [Dv / 4][4 rows][4] += weights times n values.
 * @param value f32 [n][Dv]
 * @param weights f32 [n][4 rows]
 */
export function sumRows(
  value: usize, far: usize, stride: usize, half: i32, n: i32, Dv: i32, weights: usize, outputs: usize,
): void {
  const end = outputs + (<usize>Dv << 4);
  const lone = weights + (<usize>(n - half) << 4);
  let factor = f32x4.splat(1);
  let step = <usize>half << 4;
  for (const middle = weights + step; weights < middle; weights += 16, value += stride) {
    // It comes twice, with half its weight
    if (weights == lone) {
      far = step = 0;
      factor = f32x4.splat(0.5);
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
    let v = value & ~3;
    let z = v + far;
    let o = outputs & ~15;
    do {
      const x = v128.load(v);
      const y = v128.load(z);
      v128.store(o, madd(y, u0, madd(x, w0, v128.load(o))));
      v128.store(o, madd(y, u1, madd(x, w1, v128.load(o, 16))), 16);
      v128.store(o, madd(y, u2, madd(x, w2, v128.load(o, 32))), 32);
      v128.store(o, madd(y, u3, madd(x, w3, v128.load(o, 48))), 48);
      v += 16;
      z += 16;
      o += 64;
    } while (o < end);
  }
}
