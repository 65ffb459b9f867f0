// One query against many keys, through engine.attention with resident tensors: bytes of keys and values per second, once
// from memory and once from cache.
export function cases({ engine, tensor }) {
  return [
    [16, 4096, 128, false],
    [2, 256, 64, true],
  ].map(([heads, keys, dim, cached]) => {
    const query = tensor([1, heads, 1, dim]);
    const key = tensor([1, heads, keys, dim]);
    const value = tensor([1, heads, keys, dim]);
    return {
      title: `${heads} heads, ${keys} keys, D ${dim}, from ${cached ? "cache" : "memory"}`,
      bytes: 8 * heads * keys * dim,
      cached,
      run: () => engine.attention(query, key, value).output.dispose(),
    };
  });
}
