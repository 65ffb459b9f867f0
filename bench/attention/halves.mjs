// The products of decoding over 16-bit floats, for one row and for four: 64 keys or values of one head from the first cache level,
// and many from memory.
const DIM = 128;
const ROW = DIM * 2;

export function cases({ wasm, numbers, reserve, outOfCache, largeBytes }) {
  const floats = numbers(64 * DIM);
  return ["FLOAT16", "BFLOAT16"].flatMap((name) => {
    const brain = name === "BFLOAT16";
    const near = reserve(64 * ROW);
    wasm.narrowRow(floats, near, 64 * DIM, wasm[`DTYPE_${name}`].value);
    return [
      { keys: 64, rows: near, from: "cache" },
      { keys: largeBytes / ROW, rows: outOfCache(), from: "memory" },
    ].flatMap(({ keys, rows, from }) =>
      [1, 4].flatMap((queries) => {
        // Queries carry half of the exponent's bias of float16
        const query = numbers(DIM * queries, brain ? 1 : 2 ** 56);
        // Scores, or weights
        const scores = numbers(keys * queries, 1e-6);
        const outputs = reserve(DIM * 4 * queries);
        const title = `${name.toLowerCase()}, ${keys} keys from ${from}, D ${DIM}, ${queries} row${queries > 1 ? "s" : ""}`;
        const work = { bytes: keys * ROW, cached: from === "cache" };
        return [
          {
            title: `scores, ${title}`,
            ...work,
            run: () => wasm.halfScores(query, rows, keys, DIM, scores, queries, brain),
          },
          {
            title: `values, ${title}`,
            ...work,
            run: () => wasm.halfSums(rows, keys, DIM, scores, outputs, queries, brain),
          },
        ];
      }),
    );
  });
}
