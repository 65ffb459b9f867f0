// The similarities that are no products, of one block: 96 keys and 8 queries.
const KEYS = 96;
const QUERIES = 8;
const DIM = 64;

export function cases({ wasm, numbers, reserve, build }) {
  const rows = numbers(KEYS * DIM);
  const queries = numbers(DIM * QUERIES);
  const scores = reserve((KEYS + 8) * QUERIES * 4);
  const weights = numbers(DIM);
  const constants = reserve(192);
  wasm.storeExpConstants(constants, 0);
  const elements = KEYS * QUERIES * DIM;
  const fused = build === "relaxed";
  const block = [rows, DIM * 4, KEYS, queries, DIM, scores];
  return [
    // A difference and a multiply-add
    {
      title: `squared distances, D ${DIM}`,
      elements,
      operations: fused ? 2 : 3,
      run: () => wasm.squaredDistances(...block),
    },
    // A sum, the tanh (bench/simd/math.mjs) and a multiply-add
    {
      title: `additive, D ${DIM}`,
      elements,
      operations: fused ? 32 : 47,
      run: () => wasm.additiveScores(...block, weights, constants),
    },
  ];
}
