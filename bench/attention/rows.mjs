// The rows of a tile: which query each is and which keys it may see, per row.
const ROWS = 64;
const GROUPS = 4;

export function cases({ wasm, abi, block, reserve }) {
  const item = block(abi.batchItem, { diagonal: 512, keyLength: 1024, queryLength: ROWS });
  return Object.entries({
    "all keys": { left: -1, right: -1 },
    causal: { left: -1, right: 0 },
    "causal window, pinned keys": { left: 128, right: 0, pinned: 4 },
  }).map(([title, fields]) => {
    const parameters = block(abi.attentionParameters, { headDim: 64, valueDim: 64, ...fields });
    const workspace = wasm.openWorkspace(parameters, reserve(2 ** 18));
    return {
      title: `${ROWS} rows, ${title}`,
      elements: ROWS,
      run: () => wasm.describeRows(parameters, workspace, item, 0, ROWS, 0, 0, GROUPS, 1),
    };
  });
}
