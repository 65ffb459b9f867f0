// The products of decoding over 16-bit floats: 64 keys or values of one head, for one row and for four, from the first cache level.
const KEYS = 64;
const DIM = 128;

export function cases({ wasm, numbers, reserve }) {
  const floats = numbers(KEYS * DIM);
  return ["FLOAT16", "BFLOAT16"].flatMap((name) => {
    const dtype = wasm[`DTYPE_${name}`].value;
    const brain = name === "BFLOAT16";
    const rows = reserve(KEYS * DIM * 2);
    wasm.narrowRow(floats, rows, KEYS * DIM, dtype);
    return [1, 4].flatMap((queries) => {
      // Queries carry half of the exponent's bias of float16
      const query = numbers(DIM * queries, brain ? 1 : 2 ** 56);
      const weights = numbers(KEYS * queries, 0.01);
      const scores = reserve(KEYS * queries * 4);
      const outputs = reserve(DIM * queries * 4);
      const flops = 2 * KEYS * queries * DIM;
      const title = `${name.toLowerCase()}, ${KEYS} keys, D ${DIM}, ${queries} row${queries > 1 ? "s" : ""}`;
      return [
        {
          title: `scores, ${title}`,
          flops,
          run: () => wasm.halfScores(query, rows, KEYS, DIM, scores, queries, brain),
        },
        {
          title: `values, ${title}`,
          flops,
          run: () => wasm.halfSums(rows, KEYS, DIM, weights, outputs, queries, brain),
        },
      ];
    });
  });
}
