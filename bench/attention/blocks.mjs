// One block of a cache, two pages, in every type that it may have: queries in the order that its products want, its keys, its
// values. The pages are written by the kernel that appends.
const KEYS = 128;
const PAGE_KEYS = 64;
const DIM = 128;
/** Bytes of a chunk of float32, the largest. */
const CHUNK = PAGE_KEYS * DIM * 4;

export function cases({ wasm, memory, abi, block, numbers, reserve }) {
  const rows = numbers(KEYS * DIM);
  const query = numbers(DIM);
  const record = reserve(1024);
  const appended = { batch: 1, heads: 1, dim: DIM, rows, rowsRow: DIM * 4, scratch: reserve(DIM * 4) };
  const tokens = block(abi.cacheItem, { count: KEYS });
  const item = block(abi.batchItem, { keyLength: KEYS, queryLength: 1 });
  const shape = { batch: 1, keyHeads: 1, groups: 1, queryLength: 1, keyLength: KEYS, headDim: DIM, valueDim: DIM };
  return [
    ["float32", abi.DTYPE_FLOAT32, 1],
    ["float16", abi.DTYPE_FLOAT16, 1],
    // As the forward widens what may be infinite
    ["float16 widened", abi.DTYPE_FLOAT16, 0],
    ["bfloat16", abi.DTYPE_BFLOAT16, 1],
    ["int8", abi.DTYPE_INT8, 1],
    ["int4", abi.DTYPE_INT4, 1],
  ].flatMap(([title, dtype, finite]) => {
    const row = dtype === abi.DTYPE_FLOAT32 ? DIM * 4 : DIM * 2;
    const pages = reserve(8);
    new Uint32Array(memory.buffer, pages, 2).set([reserve(2 * CHUNK), reserve(2 * CHUNK)]);
    for (const values of [0, 1]) {
      const to = { dtype, values, pages, chunk: values * CHUNK, chunkRow: row, items: tokens };
      wasm.cacheAppend(block(abi.cacheParameters, { ...appended, ...to }));
    }
    const cache = { keyDtype: dtype, pages, finite, keyRow: row, value: CHUNK, valueRow: row };
    const parameters = block(abi.attentionParameters, { ...shape, ...cache, query });
    const workspace = wasm.openWorkspace(parameters, reserve(2 ** 18));
    wasm.describeRows(parameters, workspace, item, 0, 1, 0, 0, 1, 1);
    const packed = reserve(2 * DIM * 4);
    const pack = () => wasm.packQueryRows(parameters, workspace, 0, packed);
    pack();
    return [
      { title: `${title}: a query packed, D ${DIM}`, elements: DIM, run: pack },
      {
        title: `${title}: ${KEYS} keys and values, D ${DIM}`,
        flops: 4 * KEYS * DIM,
        run() {
          wasm.openBlock(parameters, workspace, 0, 0, 0, KEYS, 0);
          wasm.readKeys(parameters, workspace, packed);
          wasm.openBlock(parameters, workspace, 0, 0, 0, KEYS, 1);
          wasm.readValues(parameters, workspace, record);
        },
      },
    ];
  });
}
