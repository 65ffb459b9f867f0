// Rotary embedding with tables of cosines and sines that are given, as a decoder keeps them.
export function cases({ engine, tensor }) {
  const input = tensor([1, 8, 512, 64]);
  const cos = tensor([512, 32]);
  const sin = tensor([512, 32]);
  return [false, true].map((interleaved) => ({
    title: `8 heads, 512 positions, D 64${interleaved ? ", interleaved" : ""}`,
    elements: 8 * 512 * 64,
    operations: 2,
    run: () => engine.rotaryEmbedding(input, { cos, sin, interleaved }).dispose(),
  }));
}
