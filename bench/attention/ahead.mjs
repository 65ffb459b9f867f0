// The products of decoding from memory instead of cache, which is what looking up pages and reading lines ahead are for. Beside the
// limit, a sum that looks pages up as well.
const BYTES = 96 * 2 ** 20;
const PAGE = 65536;
const DIM = 128;

export function cases({ wasm, memory, numbers, reserve }) {
  const rows = memory.grow(BYTES / PAGE) * PAGE;
  // Memory that was never written is one page of zeros
  new Float32Array(memory.buffer, rows, BYTES / 4).fill(0.5);
  const query = numbers(DIM * 4);
  const sink = reserve(4);
  const outputs = reserve(DIM * 16);
  const n = BYTES / (DIM * 4);
  // Scores, or weights, of a row or of four
  const scores = numbers(n * 8, 1e-6);
  const title = `of ${BYTES / 2 ** 20} MB, D ${DIM}`;
  const floats = [
    ["float32, 1 row", () => wasm.scoreRow(query, rows, DIM * 4, n, DIM, scores, sink), wasm.sumRow],
    ["float32, 4 rows", () => wasm.scoreRows(query, rows, DIM * 4, n, DIM, scores, sink), wasm.sumValueRows],
  ].map(([type, score, sum]) => [type, score, () => sum(rows, DIM * 4, n, DIM, scores, outputs, sink)]);
  const halves = [false, true].map((brain) => [
    `${brain ? "b" : ""}float16, 1 row`,
    () => wasm.halfScores(query, rows, n * 2, DIM, scores, 1, brain),
    () => wasm.halfSums(rows, n * 2, DIM, scores, outputs, 1, brain),
  ]);
  return [...floats, ...halves].flatMap(([type, score, sum]) => [
    { title: `scores ${title}, ${type}`, bytes: BYTES, run: score },
    { title: `values ${title}, ${type}`, bytes: BYTES, run: sum },
  ]);
}
