// The products of decoding over float32, where lanes are channels: scores of few queries with the keys of one block, and sums
// of its values. Every byte of K and V is used once, so the order of reading decides: four rows run side by side, and what
// lies a page of memory ahead is touched line by line meanwhile, which is quicker than key after key where so little is
// computed (docs/kernels.md).
import { madd } from "../simd/math";

/** What is touched meanwhile lies so many bytes ahead. */
const AHEAD: usize = 4096;

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

/** Whether what lies AHEAD of n rows is touched: not where that is other memory, or none. */
// @ts-ignore: decorator
@inline
function touches(rows: usize, stride: usize, n: i32, dim: i32): bool {
  return stride == <usize>dim << 2 && rows + <usize>(n + 4) * stride + AHEAD <= <usize>memory.size() << 16;
}

/** Reads two lines that will be wanted; stored where something else will be, or it would be optimised away. */
// @ts-ignore: decorator
@inline
function touch(lines: usize, sink: usize): void {
  store<i32>(sink, load<i32>(lines) | load<i32>(lines, 64));
}

/**
 * scores f32 [n rounded up to 4] = one query times n keys.
 * @param query f32 [D], D a multiple of 8
 * @param key f32 [n][D], rows `stride` bytes apart
 */
export function scoreRow(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize): void {
  const end = query + (<usize>D << 2);
  const step: usize = touches(key, stride, n, D) ? 128 : 0;
  let ahead = (step ? key + AHEAD : query) & ~3;
  for (let j = 0; j < n; j += 4, key += stride << 2, scores += 16) {
    let k0 = key & ~3;
    let k1 = k0 + (j + 1 < n ? stride : 0);
    let k2 = k1 + (j + 2 < n ? stride : 0);
    let k3 = k2 + (j + 3 < n ? stride : 0);
    let a0 = f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0;
    for (let q = query & ~15; q < end; q += 32) {
      touch(ahead, scores);
      ahead += step;
      const qa = v128.load(q);
      const qb = v128.load(q, 16);
      a0 = madd(v128.load(k0, 16), qb, madd(v128.load(k0), qa, a0));
      a1 = madd(v128.load(k1, 16), qb, madd(v128.load(k1), qa, a1));
      a2 = madd(v128.load(k2, 16), qb, madd(v128.load(k2), qa, a2));
      a3 = madd(v128.load(k3, 16), qb, madd(v128.load(k3), qa, a3));
      k0 += 32;
      k1 += 32;
      k2 += 32;
      k3 += 32;
    }
    v128.store(scores, sumLanes(a0, a1, a2, a3));
  }
}

/**
 * outputs f32 [Dv] += weights times n values; Dv a multiple of 8.
 * @param value f32 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n]
 */
export function sumRow(value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize): void {
  const end = outputs + (<usize>Dv << 2);
  const step: usize = touches(value, stride, n, Dv) ? 128 : 0;
  let ahead = (step ? value + AHEAD : outputs) & ~3;
  const last = weights + (<usize>n << 2);
  for (; weights + 16 <= last; weights += 16, value += stride << 2) {
    let v0 = value & ~3;
    let v1 = v0 + stride;
    let v2 = v1 + stride;
    let v3 = v2 + stride;
    const w0 = v128.load_splat<f32>(weights);
    const w1 = v128.load_splat<f32>(weights, 4);
    const w2 = v128.load_splat<f32>(weights, 8);
    const w3 = v128.load_splat<f32>(weights, 12);
    for (let o = outputs & ~15; o < end; o += 32) {
      let a = madd(v128.load(v1), w1, f32x4.mul(v128.load(v0), w0));
      let b = madd(v128.load(v1, 16), w1, f32x4.mul(v128.load(v0, 16), w0));
      a = madd(v128.load(v3), w3, madd(v128.load(v2), w2, a));
      b = madd(v128.load(v3, 16), w3, madd(v128.load(v2, 16), w2, b));
      // Four keys are summed on their own: fewer roundings of the total
      a = f32x4.add(v128.load(o), a);
      b = f32x4.add(v128.load(o, 16), b);
      touch(ahead, o);
      ahead += step;
      v128.store(o, a);
      v128.store(o, b, 16);
      v0 += 32;
      v1 += 32;
      v2 += 32;
      v3 += 32;
    }
  }
  for (; weights < last; weights += 4, value += stride) {
    const w = v128.load_splat<f32>(weights);
    let v = value;
    for (let o = outputs; o < end; o += 16, v += 16) v128.store(o, madd(v128.load(v), w, v128.load(o)));
  }
}

/**
 * scores f32 [n][4] = four queries times n keys, two at a time: four accumulators would wait for each other.
 * @param query f32 [D / 4][4 rows][4]
 * @param key f32 [n][D], rows `stride` bytes apart
 */
export function scoreRows(query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize): void {
  const end = query + (<usize>D << 4);
  const step: usize = touches(key, stride, n, D) ? 32 : 0;
  let ahead = (step ? key + AHEAD : query) & ~3;
  for (const last = scores + (<usize>n << 4); scores < last; scores += 32, key += stride << 1) {
    const pair = scores + 16 < last;
    let a0 = f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    let k0 = key & ~3;
    let k1 = k0 + (pair ? stride : 0);
    for (let q = query & ~15; q < end; q += 64) {
      store<i32>(scores, load<i32>(ahead));
      ahead += step;
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
}

/**
 * outputs f32 [Dv / 4][4 rows][4] += weights times n values, two at a time: half as many loads and stores of outputs.
 * @param value f32 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n][4 rows]
 */
export function sumRows(value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize): void {
  const end = outputs + (<usize>Dv << 4);
  const step: usize = touches(value, stride, n, Dv) ? 32 : 0;
  let ahead = (step ? value + AHEAD : outputs) & ~3;
  for (const last = weights + (<usize>n << 4); weights < last; weights += 32, value += stride << 1) {
    const pair = weights + 16 < last;
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
    let v0 = value & ~3;
    let v1 = v0 + (pair ? stride : 0);
    for (let o = outputs & ~15; o < end; o += 64) {
      const x = v128.load(v0);
      const y = v128.load(v1);
      const first = madd(y, u0, madd(x, w0, v128.load(o)));
      store<i32>(o, load<i32>(ahead));
      ahead += step;
      v128.store(o, first);
      v128.store(o, madd(y, u1, madd(x, w1, v128.load(o, 16))), 16);
      v128.store(o, madd(y, u2, madd(x, w2, v128.load(o, 32))), 32);
      v128.store(o, madd(y, u3, madd(x, w3, v128.load(o, 48))), 48);
      v0 += 16;
      v1 += 16;
    }
  }
}
