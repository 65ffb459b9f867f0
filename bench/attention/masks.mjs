// Masks and biases that are gathered before the products: what each adds to the forward, per score.
const ROWS = 512;

export function cases({ engine, tensor, mask }) {
  const [query, key, value] = [1, 2, 3].map(() => tensor([1, 1, ROWS, 64]));
  const call = (options) => () => engine.attention(query, key, value, options).output.dispose();
  const plain = call({});
  return Object.entries({
    "boolean mask": { mask: mask([ROWS, ROWS]) },
    "float bias": { bias: tensor([ROWS, ROWS]) },
    "alibi slopes": { alibiSlopes: tensor([1]) },
    "relative bias": { relativeBias: tensor([1, 255]) },
  }).map(([title, options]) => ({
    title: `${title}, more than without`,
    elements: ROWS * ROWS,
    run: call(options),
    minus: plain,
  }));
}
