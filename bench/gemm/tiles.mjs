// The register tiles of the packed product, from the first cache level.
const DEPTH = 256;

export function cases({ wasm, numbers, reserve }) {
  const step = wasm.tileRows();
  const rows = numbers(DEPTH * step);
  const panels = numbers(DEPTH * 32);
  const tile = reserve(256);
  return [
    {
      title: `register tile x 8 columns, depth ${DEPTH}`,
      flops: 2 * step * 8 * DEPTH,
      run: () => wasm.multiplyTile(rows, panels, DEPTH, tile),
    },
    {
      title: `single row x 32 columns, depth ${DEPTH}`,
      flops: 2 * 32 * DEPTH,
      run: () => wasm.multiplyRow(rows, panels, DEPTH * 32, 4, DEPTH, tile),
    },
  ];
}
