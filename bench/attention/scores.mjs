// Steps over a finished tile of scores: what each adds to the forward, per score.
const ROWS = 512;

export function cases({ engine, tensor }) {
  const [query, key, value] = [1, 2, 3].map(() => tensor([1, 1, ROWS, 64]));
  const call = (options) => () => engine.attention(query, key, value, options).output.dispose();
  const plain = call({});
  return Object.entries({
    softcap: { softcap: 30 },
    "scale below zero": { scale: -0.125 },
    "cosine similarity": { similarity: "cosine" },
    "euclidean similarity": { similarity: "euclidean" },
  }).map(([title, options]) => ({
    title: `${title}, more than without`,
    elements: ROWS * ROWS,
    run: call(options),
    minus: plain,
  }));
}
