// The whole forward of a few tiles, through engine.attention with resident tensors: everything but threads.
export function cases({ engine, tensor }) {
  return [
    [64, 512, 64],
    [64, 512, 128],
    [512, 512, 64],
  ].map(([queries, keys, dim]) => {
    const query = tensor([1, 1, queries, dim]);
    const key = tensor([1, 1, keys, dim]);
    return {
      title: `${queries} queries, ${keys} keys, D ${dim}`,
      flops: 4 * queries * keys * dim,
      run: () => engine.attention(query, key, key).output.dispose(),
    };
  });
}
