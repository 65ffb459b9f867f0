// The products of decoding over int8: 64 keys or values of one head, D 128, and what makes weights integers.
const KEYS = 64;
const DIM = 128;

export function cases({ wasm, numbers, reserve }) {
  // Any bytes will do but for the scales, which are taken from weights of about 0.01
  const chunk = numbers(KEYS * DIM);
  const query = numbers(DIM);
  const weights = numbers(KEYS, 0.01);
  const pairs = reserve(KEYS * 2);
  const products = reserve(KEYS * 4);
  const scores = reserve(KEYS * 4);
  const outputs = reserve(DIM * 4);
  const flops = 2 * KEYS * DIM;
  return [
    { title: `scores, ${KEYS} keys, D ${DIM}`, flops, run: () => wasm.int8Scores(query, chunk, DIM, scores) },
    { title: `values, ${KEYS} keys, D ${DIM}`, flops, run: () => wasm.int8Sums(chunk, pairs, DIM, outputs) },
    {
      title: `weights of ${KEYS} values as integers`,
      elements: KEYS,
      run: () => wasm.int8Weights(weights, weights, KEYS, products, pairs),
    },
  ];
}
