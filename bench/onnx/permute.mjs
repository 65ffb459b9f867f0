// [a][b][dim] as [b][a][dim]: operators of com.microsoft have rows before heads, everything else here heads before rows.
export function permuted(data, a, b, dim) {
  const result = new Float32Array(data.length);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      const from = (i * b + j) * dim;
      result.set(data.subarray(from, from + dim), (j * a + i) * dim);
    }
  }
  return result;
}
