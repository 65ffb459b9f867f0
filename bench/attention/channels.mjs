// The products of decoding over float32, for one row and for four: 64 keys or values of one head from the first cache level, and
// many from memory, which is what the order of reading is for.
const DIM = 128;
const ROW = DIM * 4;

export function cases({ wasm, numbers, reserve, outOfCache, largeBytes }) {
  const sink = reserve(4);
  return [
    { keys: 64, rows: numbers(64 * DIM), from: "cache" },
    { keys: largeBytes / ROW, rows: outOfCache(), from: "memory" },
  ].flatMap(({ keys, rows, from }) =>
    [1, 4].flatMap((queries) => {
      const query = numbers(DIM * queries);
      // Scores, or weights
      const scores = numbers(keys * queries, 1e-6);
      const outputs = reserve(ROW * queries);
      const title = `${keys} keys from ${from}, D ${DIM}, ${queries} row${queries > 1 ? "s" : ""}`;
      const work = { bytes: keys * ROW, cached: from === "cache" };
      return [
        {
          title: `scores, ${title}`,
          ...work,
          run: () => wasm.floatScores(query, rows, keys, DIM, scores, queries, sink),
        },
        {
          title: `values, ${title}`,
          ...work,
          run: () => wasm.floatSums(rows, keys, DIM, scores, outputs, queries, sink),
        },
      ];
    }),
  );
}
