// Kernels that the package's modules do not export by themselves, compiled from the same sources for the micro-benchmarks.
import { PAGE_KEYS } from "../../assembly/abi";
import { Additive, distanceTile, SquaredDistance } from "../../assembly/attention/distances";
import { readQuantised } from "../../assembly/cache/page";
export { DTYPE_INT8, DTYPE_INT4 } from "../../assembly/abi";
export { accumulateValues, scoreTile } from "../../assembly/attention/products";
export { onlineSoftmax } from "../../assembly/attention/softmax";
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
