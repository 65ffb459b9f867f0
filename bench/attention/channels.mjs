// The products of decoding over float32: 64 keys or values of one head, for one row and for four, from the first cache level.
const KEYS = 64;
const DIM = 128;

export function cases({ wasm, numbers, reserve }) {
  const rows = numbers(KEYS * DIM);
  const sink = reserve(4);
  return [1, 4].flatMap((queries) => {
    const query = numbers(DIM * queries);
    const weights = numbers(KEYS * queries, 0.01);
    const scores = reserve(KEYS * queries * 4);
    const outputs = reserve(DIM * queries * 4);
    const flops = 2 * KEYS * queries * DIM;
    const [score, sum] = queries > 1 ? [wasm.scoreRows, wasm.sumValueRows] : [wasm.scoreRow, wasm.sumRow];
    const title = `${KEYS} keys, D ${DIM}, ${queries} row${queries > 1 ? "s" : ""}`;
    return [
      { title: `scores, ${title}`, flops, run: () => score(query, rows, DIM * 4, KEYS, DIM, scores, sink) },
      { title: `values, ${title}`, flops, run: () => sum(rows, DIM * 4, KEYS, DIM, weights, outputs, sink) },
    ];
  });
}
