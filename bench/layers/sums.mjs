// Column sums of rows, which attention pooling is made of.
const ROWS = 512;
const DIM = 64;

export function cases({ wasm, numbers, reserve }) {
  const rows = numbers(ROWS * DIM);
  const to = reserve(DIM * 4);
  const scratch = reserve(DIM * 16);
  return [
    {
      title: `${ROWS} rows of ${DIM}`,
      elements: ROWS * DIM,
      operations: 1,
      run: () => wasm.sumRows(rows, ROWS, DIM * 4, DIM, 0, to, scratch),
    },
  ];
}
