// The blocks that the matrix product packs, of the sizes it has: bytes of a packed block.
const ROWS = 96;
const DEPTH = 256;
const COLUMNS = 512;
/** An image that gives such a block of B. */
const IMAGE = { height: 32, width: 32, outputHeight: 32, outputWidth: 32, padTop: 1, padLeft: 1 };
const KERNEL = { kernelHeight: 3, kernelWidth: 3, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1 };

export function cases({ wasm, abi, block, numbers, reserve }) {
  const from = numbers(DEPTH * COLUMNS);
  const to = reserve(DEPTH * COLUMNS * 4);
  const image = block(abi.imageParameters, { ...IMAGE, ...KERNEL, input: from });
  const panel = DEPTH * 32;
  const step = wasm.tileRows();
  const packed = (title, bytes, run) => ({ title, bytes, cached: true, run });
  const columns = (title, run) => packed(`B ${DEPTH} x ${COLUMNS}${title}`, DEPTH * COLUMNS * 4, run);
  const rows = (title, run) => packed(`A ${ROWS} x ${DEPTH}${title}`, ROWS * DEPTH * 4, run);
  return [
    columns("", () => wasm.packPanels(from, COLUMNS * 4, 0, COLUMNS, 0, DEPTH, to, panel)),
    columns(", transposed", () => wasm.packColumns(from, DEPTH * 4, 0, COLUMNS, 0, DEPTH, to, panel)),
    columns(" of an image, kernel 3 x 3", () => wasm.packImage(image, 0, COLUMNS, 0, DEPTH, to, panel)),
    rows("", () => wasm.packTiles(from, DEPTH * 4, ROWS, DEPTH, step, to)),
    rows(", transposed", () => wasm.packTransposedTiles(from, ROWS * 4, 0, ROWS, 0, DEPTH, step, to)),
  ];
}
