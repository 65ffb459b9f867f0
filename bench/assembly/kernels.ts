// Kernels that the package's modules do not export by themselves, compiled from the same sources for the micro-benchmarks.
import { CACHE_GROUP, DTYPE_INT8, PAGE_KEYS } from "../../assembly/abi";
import { Additive, distanceTile, SquaredDistance } from "../../assembly/attention/distances";
import { scoreRow, scoreRows, sumRow, sumRows as sumValueRows } from "../../assembly/attention/channels";
import {
  Brain, Half, HALF_BIAS, HALF_BIAS_ROOT, scoreHalfRows, scoreHalves, sumHalfRows, sumHalves,
} from "../../assembly/attention/halves";
import { addRows, BiasRows, MaskRows } from "../../assembly/attention/mask-rows";
import { quantise, scoreGroup, sumGroup } from "../../assembly/attention/quantised";
import { Workspace } from "../../assembly/attention/workspace";
import { groupBytes, readQuantised, SCALE_BYTES } from "../../assembly/cache/page";
export { DTYPE_BFLOAT16, DTYPE_FLOAT16, DTYPE_INT8, DTYPE_INT4 } from "../../assembly/abi";
export { openBlock, packRows as packQueryRows, readKeys, readValues } from "../../assembly/attention/blocks";
export { attentionForward, attentionScratch, attentionTiles } from "../../assembly/attention/forward";
export { accumulateValues, scoreTile } from "../../assembly/attention/products";
export { describeRows } from "../../assembly/attention/rows";
export { onlineSoftmax } from "../../assembly/attention/softmax";
export { attentionFinish, attentionPartials } from "../../assembly/attention/splits";
export { openWorkspace } from "../../assembly/attention/workspace";
export { cacheAppend } from "../../assembly/cache/transfer";
export {
  packColumns, packImage, packRows as packPanels, packTiles, packTransposedTiles,
} from "../../assembly/gemm/pack";
export { multiplyRow, multiplyTile, tileRows } from "../../assembly/gemm/tiles";
export { sumRows } from "../../assembly/layers/sums";
export { narrowRow, widenRow } from "../../assembly/simd/convert";
export { storeExpConstants } from "../../assembly/simd/math";
export { exp2Array, expArray, logArray, tanhArray } from "../../test/assembly/math";

export function squaredDistances(key: usize, stride: usize, n: i32, queries: usize, D: i32, scores: usize): void {
  distanceTile<SquaredDistance>(key, stride, n, queries, D, scores, 0, 0);
}

export function additiveScores(
  key: usize, stride: usize, n: i32, queries: usize, D: i32, scores: usize, w: usize, c: usize,
): void {
  distanceTile<Additive>(key, stride, n, queries, D, scores, w, c);
}

/** to f32 [64][dim] = one chunk of a page. */
export function readChunk(chunk: usize, dim: i32, dtype: i32, values: bool, to: usize): void {
  for (let slot = 0; slot < PAGE_KEYS; slot++) {
    readQuantised(chunk, slot, dim, dtype, values, to + (<usize>(slot * dim) << 2));
  }
}

/** scores f32 [n][1 or 4 rows], key f32 [n][D] */
export function floatScores(query: usize, key: usize, n: i32, D: i32, scores: usize, rows: i32, sink: usize): void {
  const stride = <usize>D << 2;
  const half = (n + 1) >> 1;
  const far = <usize>half * stride;
  if (rows > 1) scoreRows(query, key, far, stride, half, n, D, scores);
  else scoreRow(query, key, far, stride, half, n, D, scores, sink);
}

/** outputs f32 [Dv / 4][1 or 4 rows][4], value f32 [n][Dv] */
export function floatSums(value: usize, n: i32, Dv: i32, weights: usize, outputs: usize, rows: i32, sink: usize): void {
  const stride = <usize>Dv << 2;
  const half = (n + 1) >> 1;
  const far = <usize>half * stride;
  if (rows > 1) sumValueRows(value, far, stride, half, n, Dv, weights, outputs);
  else sumRow(value, far, stride, half, n, Dv, weights, outputs, sink);
}

/** scores f32 [n][1 or 4 rows], key 16-bit [n][D] */
export function halfScores(query: usize, key: usize, n: i32, D: i32, scores: usize, rows: i32, brain: bool): void {
  const stride = <usize>D << 1;
  const half = (n + 1) >> 1;
  const far = <usize>half * stride;
  if (rows > 1) {
    if (brain) scoreHalfRows<Brain>(query, key, far, stride, half, n, D, scores, 1, 1);
    else scoreHalfRows<Half>(query, key, far, stride, half, n, D, scores, 1, HALF_BIAS_ROOT);
  } else if (brain) scoreHalves<Brain>(query, key, far, stride, half, n, D, scores, 1, 1);
  else scoreHalves<Half>(query, key, far, stride, half, n, D, scores, 1, HALF_BIAS_ROOT);
}

/** outputs f32 [Dv / 8][even, odd][1 or 4 rows][4], value 16-bit [n][Dv] */
export function halfSums(value: usize, n: i32, Dv: i32, weights: usize, outputs: usize, rows: i32, brain: bool): void {
  const stride = <usize>Dv << 1;
  const half = (n + 1) >> 1;
  const far = <usize>half * stride;
  if (rows > 1) {
    if (brain) sumHalfRows<Brain>(value, far, stride, half, n, Dv, weights, outputs, 1, 1);
    else sumHalfRows<Half>(value, far, stride, half, n, Dv, weights, outputs, 1, HALF_BIAS);
  } else if (brain) sumHalves<Brain>(value, far, stride, half, n, Dv, weights, outputs, 1, 1);
  else sumHalves<Half>(value, far, stride, half, n, Dv, weights, outputs, 1, HALF_BIAS);
}

/** scores f32 [64] = i16 [D] times one chunk of keys. */
export function int8Scores(query: usize, chunk: usize, D: i32, scores: usize): void {
  for (let c = 0; c < D; c += CACHE_GROUP, query += 64, chunk += groupBytes(DTYPE_INT8)) {
    scoreGroup(query, f32x4.splat(1), chunk + SCALE_BYTES, chunk, PAGE_KEYS, scores);
  }
}

/** outputs f32 [D] += i16 [64] times one chunk of values. */
export function int8Sums(chunk: usize, pairs: usize, D: i32, outputs: usize): void {
  for (let c = 0; c < D; c += CACHE_GROUP, outputs += 128, chunk += groupBytes(DTYPE_INT8)) {
    sumGroup(chunk + SCALE_BYTES, pairs, pairs + PAGE_KEYS * 2, f32x4.splat(1), outputs);
  }
}

export function int8Weights(weights: usize, scales: usize, n: i32, products: usize, to: usize): void {
  quantise(weights, scales, n, products, to, 1);
}

/** W.biases f32 [n][8] += f32, of the 8 queries from r on. */
export function addBiasRows(
  W: Workspace, r: i32, base: usize, headStride: usize, rowStride: usize, keyStride: usize, begin: i32, n: i32,
): void {
  addRows<BiasRows>(W, r, base, headStride, rowStride, keyStride, begin, n);
}

/** The same, -Infinity where u8 is 0. */
export function addMaskRows(
  W: Workspace, r: i32, base: usize, headStride: usize, rowStride: usize, keyStride: usize, begin: i32, n: i32,
): void {
  addRows<MaskRows>(W, r, base, headStride, rowStride, keyStride, begin, n);
}
