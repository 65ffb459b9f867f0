import { SHAPE, tell, tensors } from "./workload.mjs";

const [query, key, value] = tensors();
const started = performance.now();
const [, heads, length, dim] = SHAPE;
const output = new Float32Array(query.length);
const powers = new Float64Array(length);
for (let head = 0; head < heads; head++) {
  for (let i = 0; i < length; i++) {
    const q = (head * length + i) * dim;
    let most = -Infinity;
    for (let j = 0; j < length; j++) {
      const k = (head * length + j) * dim;
      let dot = 0;
      for (let d = 0; d < dim; d++) dot += query[q + d] * key[k + d];
      powers[j] = dot / Math.sqrt(dim);
      if (powers[j] > most) most = powers[j];
    }
    let total = 0;
    for (let j = 0; j < length; j++) {
      powers[j] = Math.exp(powers[j] - most);
      total += powers[j];
    }
    for (let j = 0; j < length; j++) {
      const v = (head * length + j) * dim;
      const weight = powers[j] / total;
      for (let d = 0; d < dim; d++) output[q + d] += weight * value[v + d];
    }
  }
}
tell(started, output);
