// The online softmax of one block: 96 keys and 8 queries. Each call works on a fresh copy of the scores, which it
// overwrites; the copy is measured by itself and is a small part.
const KEYS = 96;
const QUERIES = 8;
const BYTES = KEYS * QUERIES * 4;

export function cases({ wasm, numbers, reserve, memory, build }) {
  const scores = numbers(KEYS * QUERIES);
  const tile = reserve(BYTES);
  const [rowMax, rowSum, alpha] = [reserve(32), reserve(32), reserve(32)];
  const [constants, shifted] = [reserve(192), reserve(192)];
  wasm.storeExpConstants(constants, 0);
  wasm.storeExpConstants(shifted, 13);
  const bytes = new Uint8Array(memory.buffer);
  const elements = KEYS * QUERIES;
  const softmax = () => {
    bytes.copyWithin(tile, scores, scores + BYTES);
    wasm.onlineSoftmax(tile, KEYS, 0.125, constants, shifted, rowMax, rowSum, alpha, 8);
  };
  return [
    // The maximum; difference, factor, 6 of the range reduction and its end, 6 multiply-adds, the sum
    {
      title: `online softmax, ${KEYS} keys x ${QUERIES} queries`,
      elements,
      operations: build === "relaxed" ? 16 : 22,
      run: softmax,
    },
    { title: "of which the copy of the scores", elements, run: () => bytes.copyWithin(tile, scores, scores + BYTES) },
  ];
}
