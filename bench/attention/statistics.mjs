// What the weights say, beside the output alone: the products and the exponential once more, and no matrix.
const ROWS = 512;

export function cases({ engine, tensor }) {
  const [query, key, value] = [1, 2, 3].map(() => tensor([1, 1, ROWS, 64]));
  const parts = ["keys", "weights"];
  return ["entropy", "distance", "mass", "topK"].map((name) => ({
    title: `${name}, ${ROWS} x ${ROWS}, D 64, more than the output`,
    elements: ROWS * ROWS,
    run() {
      const { output, statistics } = engine.attention(query, key, value, { statistics: [name] });
      output.dispose();
      for (const tensor of name === "topK" ? parts.map((part) => statistics.topK[part]) : [statistics[name]]) {
        tensor.dispose();
      }
    },
    minus: () => engine.attention(query, key, value).output.dispose(),
  }));
}
