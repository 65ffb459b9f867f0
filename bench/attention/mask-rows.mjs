// Rows of a bias or a mask transposed into the tile that is added to scores: 192 keys and 8 queries.
const KEYS = 192;
const QUERIES = 8;

export function cases({ wasm, abi, block, numbers, reserve }) {
  const rows = numbers(KEYS * QUERIES);
  const item = block(abi.batchItem, { keyLength: KEYS, queryLength: QUERIES });
  const parameters = block(abi.attentionParameters, { headDim: 64, valueDim: 64 });
  const workspace = wasm.openWorkspace(parameters, reserve(2 ** 18));
  wasm.describeRows(parameters, workspace, item, 0, QUERIES, 0, 0, 1, 1);
  return [
    ["float bias", wasm.addBiasRows, 4],
    ["boolean mask", wasm.addMaskRows, 1],
  ].flatMap(([title, add, bytes]) => {
    const tile = (rowStride, keyStride) => () => add(workspace, 0, rows, 0, rowStride, keyStride, 0, KEYS);
    const elements = KEYS * QUERIES;
    return [
      { title: `${title}, ${KEYS} keys x ${QUERIES} queries`, elements, run: tile(KEYS * bytes, bytes) },
      { title: `${title}, broadcast along keys`, elements, run: tile(bytes, 0) },
    ];
  });
}
