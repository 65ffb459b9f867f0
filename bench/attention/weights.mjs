// Weights of all rows: the products and the exponential once more, and a matrix written.
const ROWS = 512;

export function cases({ engine, tensor }) {
  const [query, key, value] = [1, 2, 3].map(() => tensor([1, 1, ROWS, 64]));
  const free = (results) => {
    for (const result of Object.values(results)) result.dispose();
  };
  return [
    {
      title: `weights, ${ROWS} x ${ROWS}, D 64, more than the output`,
      elements: ROWS * ROWS,
      run: () => free(engine.attention(query, key, value, { returnWeights: true })),
      minus: () => free(engine.attention(query, key, value)),
    },
    {
      title: `scores alone, ${ROWS} x ${ROWS}, D 64`,
      flops: 2 * ROWS * ROWS * 64,
      run: () => engine.attentionScores(query, key).dispose(),
    },
  ];
}
