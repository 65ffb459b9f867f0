// Loops over Float32Arrays, as one would write them with some care: what a mask hides is not computed. Its arrays are
// where it computes, so there is nothing to copy and one figure.
import { visibleKeys } from "../harness/workloads.mjs";

export function open() {
  return {
    prepare(workload, inputs) {
      const run = () => attention(workload, inputs);
      return { host: { run: () => void run(), check: run }, close() {} };
    },
  };
}

function attention(workload, { query, key, value }) {
  const { heads, keyHeads, queries, keys, dim } = workload;
  const output = new Float32Array(query.length);
  const scores = new Float32Array(keys);
  const scale = 1 / Math.sqrt(dim);
  for (let head = 0; head < heads; head++) {
    const shared = Math.floor((head * keyHeads) / heads) * keys;
    for (let i = 0; i < queries; i++) {
      attendRow(
        query,
        key,
        value,
        output,
        scores,
        (head * queries + i) * dim,
        shared,
        visibleKeys(workload, i),
        dim,
        scale,
      );
    }
  }
  return output;
}

/** One row of the output: scores, their softmax, and the sum of values. */
function attendRow(query, key, value, output, scores, row, shared, ranges, dim, scale) {
  let most = -Infinity;
  for (const [begin, end] of ranges) {
    for (let j = begin; j < end; j++) {
      const k = (shared + j) * dim;
      let dot = 0;
      for (let d = 0; d < dim; d++) dot += query[row + d] * key[k + d];
      scores[j] = dot * scale;
      if (scores[j] > most) most = scores[j];
    }
  }
  let sum = 0;
  for (const [begin, end] of ranges) {
    for (let j = begin; j < end; j++) {
      const weight = Math.exp(scores[j] - most);
      sum += weight;
      const v = (shared + j) * dim;
      for (let d = 0; d < dim; d++) output[row + d] += weight * value[v + d];
    }
  }
  for (let d = 0; d < dim; d++) output[row + d] /= sum;
}
