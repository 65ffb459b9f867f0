// The two register-tile products of one block: 96 keys and 8 queries.
const KEYS = 96;
const QUERIES = 8;

export function cases({ wasm, numbers, reserve }) {
  return [64, 128].flatMap((dim) => {
    const rows = numbers(KEYS * dim);
    const queries = numbers(dim * QUERIES);
    const scores = reserve((KEYS + 8) * QUERIES * 4);
    const probabilities = numbers(KEYS * QUERIES, 0.01);
    const outputs = reserve(dim * QUERIES * 4);
    const alpha = numbers(QUERIES, 0.5);
    const sums = reserve(6 * QUERIES * 4);
    const flops = 2 * KEYS * QUERIES * dim;
    return [
      {
        title: `scores, ${KEYS} keys x ${QUERIES} queries, D ${dim}`,
        flops,
        run: () => wasm.scoreTile(rows, dim * 4, KEYS, queries, dim, scores, alpha),
      },
      {
        title: `values, ${KEYS} keys x ${QUERIES} queries, D ${dim}`,
        flops,
        run: () => wasm.accumulateValues(rows, dim * 4, KEYS, probabilities, outputs, dim, alpha, sums),
      },
    ];
  });
}
