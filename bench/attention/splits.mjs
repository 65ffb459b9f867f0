// The splits of a long cache merged, per number in their records, which the forward has left. The first record of a row takes
// in the others: records are put back before each call.
const HEADS = 8;
const KEYS = 4608;
const DIM = 64;
const ROW = DIM * 4;

export function cases({ wasm, memory, abi, block, numbers, reserve }) {
  const keys = numbers(KEYS * DIM);
  // All heads have the same keys
  const sources = { key: keys, keyRow: ROW, value: keys, valueRow: ROW, scale: 0.125, shift: 13, left: -1, right: -1 };
  const shape = { batch: 1, keyHeads: HEADS, queryLength: 1, keyLength: KEYS, headDim: DIM, valueDim: DIM };
  const items = block(abi.batchItem, { keyLength: KEYS, queryLength: 1 });
  return [1, 4].map((groups) => {
    const n = HEADS * groups * DIM;
    const results = { query: numbers(n), queryHead: ROW, output: reserve(n * 4), outputHead: ROW };
    const fields = { ...shape, ...sources, ...results, groups, items };
    const bytes = wasm.attentionPartials(block(abi.attentionParameters, fields));
    const [partials, kept] = [reserve(bytes), reserve(bytes)];
    const parameters = block(abi.attentionParameters, { ...fields, partials });
    const scratch = reserve(wasm.attentionScratch(parameters, reserve(abi.WORKSPACE_HEADER)));
    wasm.attentionForward(parameters, 0, wasm.attentionTiles(parameters), scratch);
    const all = new Uint8Array(memory.buffer);
    all.copyWithin(kept, partials, partials + bytes);
    const restore = () => all.copyWithin(partials, kept, kept + bytes);
    return {
      title: `${KEYS} keys, D ${DIM}, ${HEADS} heads x ${groups} row${groups > 1 ? "s" : ""}`,
      elements: bytes / 4,
      operations: 1,
      run() {
        restore();
        wasm.attentionFinish(parameters, scratch);
      },
      minus: restore,
    };
  });
}
