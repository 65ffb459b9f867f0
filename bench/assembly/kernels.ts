// Kernels that the package's modules do not export by themselves, compiled from the same sources for the micro-benchmarks.
import { accumulateValues, Dot, scoreTile } from "../../assembly/attention/products";
import { storeExpConstants } from "../../assembly/simd/math";
export { onlineSoftmax } from "../../assembly/attention/softmax";
export { sumRows } from "../../assembly/layers/sums";
export { narrowRow, widenRow } from "../../assembly/simd/convert";
export { exp2Array, expArray, logArray, tanhArray } from "../../test/assembly/math";
export { accumulateValues, storeExpConstants };

export function dotProducts(key: usize, stride: usize, n: i32, queries: usize, D: i32, scores: usize): void {
  scoreTile<Dot>(key, stride, n, queries, D, scores, 0, 0);
}
