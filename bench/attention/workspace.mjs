// The scratch memory of a tile, opened once per call and thread: pointers, and the constants of two exponentials.
export function cases({ wasm, abi, block, reserve }) {
  const parameters = block(abi.attentionParameters, { headDim: 64, valueDim: 64, shift: 13 });
  const scratch = reserve(2 ** 18);
  return [{ title: "opened for a call", run: () => wasm.openWorkspace(parameters, scratch) }];
}
