// What every engine's output is held against before anything is timed: attention in float64, in the plainest way, of all
// rows of small workloads and of a sample of rows of large ones.
import { randomWords, visibleKeys } from "./workloads.mjs";

/** Multiply-adds that are worth a complete check: about two seconds. */
const COMPLETE = 2e9;
/** Rows of a sample, spread over all heads; the first and the last row are among them. */
const SAMPLE = 192;

/** Rows to be checked, as head * queries + query. */
export function rowsToCheck({ heads, queries, flops }) {
  const all = heads * queries;
  if (flops <= COMPLETE || all <= SAMPLE) return Array.from({ length: all }, (_, row) => row);
  const next = randomWords(7);
  const rows = new Set([0, all - 1]);
  while (rows.size < SAMPLE) rows.add(next() % all);
  return [...rows].sort((a, b) => a - b);
}

/** Float64Array [rows][dim]: softmax(Q K^T / sqrt(D)) V of these rows. */
export function referenceOf(workload, { query, key, value }, rows) {
  const { heads, keyHeads, queries, keys, dim } = workload;
  const output = new Float64Array(rows.length * dim);
  const scores = new Float64Array(keys);
  for (const [at, row] of rows.entries()) {
    const head = Math.floor(row / queries);
    const ranges = visibleKeys(workload, row % queries);
    const base = Math.floor((head * keyHeads) / heads) * keys;
    let most = -Infinity;
    for (const [begin, end] of ranges) {
      for (let j = begin; j < end; j++) {
        let dot = 0;
        for (let d = 0; d < dim; d++) dot += query[row * dim + d] * key[(base + j) * dim + d];
        scores[j] = dot / Math.sqrt(dim);
        most = Math.max(most, scores[j]);
      }
    }
    let sum = 0;
    for (const [begin, end] of ranges) {
      for (let j = begin; j < end; j++) {
        const weight = Math.exp(scores[j] - most);
        sum += weight;
        for (let d = 0; d < dim; d++) output[at * dim + d] += weight * value[(base + j) * dim + d];
      }
    }
    for (let d = 0; d < dim; d++) output[at * dim + d] /= sum;
  }
  return output;
}

/** Largest |got - want| of the checked rows; every other number must at least be finite. */
export function largestError(got, want, rows, dim) {
  for (let i = 0; i < got.length; i++) if (!Number.isFinite(got[i])) return Number.NaN;
  let most = 0;
  for (const [at, row] of rows.entries()) {
    for (let d = 0; d < dim; d++) most = Math.max(most, Math.abs(got[row * dim + d] - want[at * dim + d]));
  }
  return most;
}
