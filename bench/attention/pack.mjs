// Queries in and outputs out: the forward with one key, where little else is left. Bytes read and written.
export function cases({ engine, tensor }) {
  return [64, 128].map((dim) => {
    const query = tensor([1, 1, 1024, dim]);
    const key = tensor([1, 1, 1, dim]);
    return {
      title: `1024 queries, one key, D ${dim}`,
      elements: 1024 * dim,
      run: () => engine.attention(query, key, key).output.dispose(),
    };
  });
}
