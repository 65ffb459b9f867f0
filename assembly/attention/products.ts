// The two register-tile micro-kernels: S^T = K Q^T and O^T = O^T alpha + V^T P.
//
// One lane holds one query, so every step of the softmax between the two is vertical. Accumulators are named locals:
// a register tile in an array or a class would live in memory (docs/kernels.md has the numbers). Rows past the end of
// a block alias the last row: they are computed and then not looked at, so there are no edge kernels.
import { sumColumns } from "../gemm/tiles";
import { madd, maximum } from "../simd/math";

/**
 * scores [n rounded up to the register tile][8] = products of n keys with 8 queries.
 * @param key f32 [n][D], rows `stride` bytes apart
 * @param queries f32 [D][8]
 * @param highest f32 [8], becomes the largest score of each query
 */
export function scoreTile(
  key: usize, stride: usize, n: i32, queries: usize, D: i32, scores: usize, highest: usize,
): void {
  v128.store(highest, f32x4.splat(-Infinity));
  v128.store(highest, f32x4.splat(-Infinity), 16);
  const end = queries + (<usize>D << 5);
  if (ASC_FEATURE_RELAXED_SIMD) {
    // Six keys at a time, and four where they waste less at the end of a block
    const rest = n % 6;
    const fours = rest == 5 ? 0 : rest > 0 && rest < 3 && n > 6 ? rest + 6 : rest;
    for (; n > fours; n -= 6, key += 6 * stride, scores += 6 * 32) {
      sixKeys(key, stride, n, queries, end, scores, highest);
    }
  }
  fourKeys(key, stride, n, queries, end, scores, highest);
}

// Tiles of six are functions: V8 12 unrolls a loop in a loop, and needs more registers for two turns than there are. Those
// of four it may unroll.

function sixKeys(
  key: usize, stride: usize, n: i32, queries: usize, end: usize, scores: usize, highest: usize,
): void {
  scoreRows(6, key, stride, n, queries, end, scores, highest);
}

/** Without fused multiply-adds a product needs a register of its own, so that six keys do not fit. */
function fourKeys(
  key: usize, stride: usize, n: i32, queries: usize, end: usize, scores: usize, highest: usize,
): void {
  for (; n > 0; n -= 4, key += 4 * stride, scores += 4 * 32) {
    scoreRows(4, key, stride, n, queries, end, scores, highest);
  }
}

/**
 * One register tile of 4 or 6 keys, which is a literal; of its rows those past `rows` repeat the last.
 * One step of D per turn: with two, V8 gathers the products of each accumulator and spills. Pointers are sums and masks
 * so that V8 knows their upper halves to be zero and does not widen them in every turn (docs/kernels.md). The first step of
 * six stands alone for the same reason as in sumColumns.
 */
// @ts-ignore: decorator
@inline
function scoreRows(
  tile: i32, key: usize, stride: usize, rows: i32, queries: usize, end: usize, scores: usize, highest: usize,
): void {
  let k0 = key & ~3;
  let k1 = k0 + (rows > 1 ? stride : 0);
  let k2 = k1 + (rows > 2 ? stride : 0);
  let k3 = k2 + (rows > 3 ? stride : 0);
  let k4 = k3 + (rows > 4 ? stride : 0);
  let k5 = k4 + (rows > 5 ? stride : 0);
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero;
  let q = queries & ~15;
  if (tile == 6) {
    const qa = v128.load(q);
    const qb = v128.load(q, 16);
    let k = v128.load_splat<f32>(k0);
    a0 = madd(qa, k, zero);
    b0 = madd(qb, k, zero);
    k = v128.load_splat<f32>(k1);
    a1 = madd(qa, k, zero);
    b1 = madd(qb, k, zero);
    k = v128.load_splat<f32>(k2);
    a2 = madd(qa, k, zero);
    b2 = madd(qb, k, zero);
    k = v128.load_splat<f32>(k3);
    a3 = madd(qa, k, zero);
    b3 = madd(qb, k, zero);
    k = v128.load_splat<f32>(k4);
    a4 = madd(qa, k, zero);
    b4 = madd(qb, k, zero);
    k = v128.load_splat<f32>(k5);
    a5 = madd(qa, k, zero);
    b5 = madd(qb, k, zero);
    q += 32;
    k0 += 4;
    k1 += 4;
    k2 += 4;
    k3 += 4;
    k4 += 4;
    k5 += 4;
  }
  if (tile == 4 || q < end) do {
    const qa = v128.load(q);
    const qb = v128.load(q, 16);
    let k = v128.load_splat<f32>(k0);
    a0 = madd(qa, k, a0);
    b0 = madd(qb, k, b0);
    k = v128.load_splat<f32>(k1);
    a1 = madd(qa, k, a1);
    b1 = madd(qb, k, b1);
    k = v128.load_splat<f32>(k2);
    a2 = madd(qa, k, a2);
    b2 = madd(qb, k, b2);
    k = v128.load_splat<f32>(k3);
    a3 = madd(qa, k, a3);
    b3 = madd(qb, k, b3);
    if (tile == 6) {
      k = v128.load_splat<f32>(k4);
      a4 = madd(qa, k, a4);
      b4 = madd(qb, k, b4);
      k = v128.load_splat<f32>(k5);
      a5 = madd(qa, k, a5);
      b5 = madd(qb, k, b5);
      k4 += 4;
      k5 += 4;
    }
    k0 += 4;
    k1 += 4;
    k2 += 4;
    k3 += 4;
    q += 32;
  } while (q < end);
  v128.store(scores, a0);
  v128.store(scores, b0, 16);
  v128.store(scores, a1, 32);
  v128.store(scores, b1, 48);
  v128.store(scores, a2, 64);
  v128.store(scores, b2, 80);
  v128.store(scores, a3, 96);
  v128.store(scores, b3, 112);
  a0 = maximum(maximum(a0, a1), maximum(a2, a3));
  b0 = maximum(maximum(b0, b1), maximum(b2, b3));
  if (tile == 6) {
    v128.store(scores, a4, 128);
    v128.store(scores, b4, 144);
    v128.store(scores, a5, 160);
    v128.store(scores, b5, 176);
    a0 = maximum(a0, maximum(a4, a5));
    b0 = maximum(b0, maximum(b4, b5));
  }
  v128.store(highest, maximum(v128.load(highest), a0));
  v128.store(highest, maximum(v128.load(highest, 16), b0), 16);
}

/**
 * outputs [Dv][8] = outputs * alpha + V^T P. A block is summed on its own before it joins the total, which is both the
 * rescaling of the online softmax for free and a smaller rounding error over long sequences.
 * @param value f32 [n][Dv], rows `stride` bytes apart; Dv a multiple of 4
 * @param probabilities f32 [n][8]
 * @param alpha f32 [8]
 * @param sums f32 [6][8], for use
 */
export function accumulateValues(
  value: usize, stride: usize, n: i32, probabilities: usize, outputs: usize, Dv: i32, alpha: usize, sums: usize,
): void {
  const end = probabilities + (<usize>n << 5);
  const alphaA = v128.load(alpha);
  const alphaB = v128.load(alpha, 16);
  let columns = Dv;
  if (ASC_FEATURE_RELAXED_SIMD) {
    // Six at a time, twice, so that a multiple of four remains
    const rest = Dv % 12;
    for (; columns > rest; columns -= 6, value += 24, outputs += 192) {
      sixColumns(value, stride, probabilities, end, sums);
      joinSix(outputs, alphaA, alphaB, sums);
    }
  }
  for (; columns > 0; columns -= 4, value += 16, outputs += 128) {
    sumColumns(4, value, stride, probabilities, end, outputs, true, alphaA, alphaB);
  }
}

/** outputs f32 [6][8] = outputs * alpha + sums */
// @ts-ignore: decorator
@inline
function joinSix(outputs: usize, alphaA: v128, alphaB: v128, sums: usize): void {
  for (let i: usize = 0; i < 192; i += 32) {
    const to = outputs + i;
    v128.store(to, madd(v128.load(to), alphaA, v128.load(sums + i)));
    v128.store(to, madd(v128.load(to, 16), alphaB, v128.load(sums + i, 16)), 16);
  }
}

function sixColumns(value: usize, stride: usize, probabilities: usize, end: usize, sums: usize): void {
  const none = f32x4.splat(0);
  sumColumns(6, value, stride, probabilities, end, sums, false, none, none);
}
