// Rows of tensors into the pages of a cache and back (assembly/cache/transfer.ts), and what the kernels of attention are told
// of the pages.
import type { AttentionFields } from "../attention/biases.js";
import { type Heads, type Layout, packedStrides } from "../attention/plan.js";
import type { planRotary } from "../attention/rotary.js";
import { CACHE_GROUP, cacheParameters, DTYPE_INT8, PAGE_KEYS } from "../engine/abi.generated.js";
import type { CallScope } from "../engine/core.js";
import { ELEMENT_BYTES, type HostTensor } from "../host-tensor.js";
import { floatCode, place, Result } from "../operand.js";
import type { CacheConfig } from "./create.js";
import type { Chunk } from "./layout.js";
import type { Sequences } from "./sequences.js";

export type Rotation = ReturnType<typeof planRotary>;

/** Where the rows of a placed argument lie; rotated ones are packed in memory of the call. */
export function placeRows(scope: CallScope, heads: Heads, layout: Layout, rotate?: Rotation) {
  const { operand, dim } = heads;
  if (!rotate) {
    return { address: place(scope, operand), batch: heads.batchStride, head: heads.headStride, row: heads.rowStride };
  }
  const bytes = ELEMENT_BYTES[operand.dtype];
  const address = scope.allocate(heads.batch * heads.heads * heads.length * dim * bytes);
  rotate(scope, address);
  return { address, ...packedStrides(heads, dim, layout, bytes) };
}

/** Appends rows [skip, skip + count) of each sequence, items being [skip, count, position]. */
export function appendRows(
  scope: CallScope,
  config: CacheConfig,
  sequences: Sequences,
  sources: readonly (readonly [Chunk, Heads, Rotation | undefined])[],
  layout: Layout,
  items: Int32Array,
  lengths: Int32Array,
): void {
  const { core } = config;
  const batch = lengths.length;
  const width = Math.ceil(Math.max(...lengths) / PAGE_KEYS);
  const pages = scope.allocate(batch * width * 4);
  const placed = scope.copyIn(items);
  const blocks = sources.map(([chunk, heads, rotate]) => {
    const rows = placeRows(scope, heads, layout, rotate);
    return scope.block(cacheParameters, {
      ...chunkFields(config, chunk),
      batch,
      pages,
      pagesBatch: width * 4,
      rows: rows.address,
      rowsBatch: rows.batch,
      rowsHead: rows.head,
      rowsRow: rows.row,
      rowBytes: heads.dim * ELEMENT_BYTES[heads.operand.dtype],
      rowsDtype: floatCode(heads.operand),
      items: placed,
      scratch: scope.allocate((heads.dim + CACHE_GROUP) * 4),
    });
  });
  // The last that can fail
  sequences.pool.reserve(sequences.missing(lengths));
  sequences.grow(lengths);
  new Uint32Array(core.memory.memory.buffer, pages, batch * width).set(sequences.table(width));
  for (const block of blocks) core.kernels.cacheAppend(block);
}

/** Positions [start, end) as float32 [B, Hk, end - start, dim]; zeros where there is no such token. */
export function readRows(config: CacheConfig, sequences: Sequences, chunk: Chunk, start: number, end: number) {
  const { core, kvHeads, pinned } = config;
  const batch = sequences.list.length;
  const rowsRow = chunk.dim * 4;
  const rowsHead = (end - start) * rowsRow;
  return core.call((scope) => {
    const result = new Result(scope, false, [batch, kvHeads, end - start, chunk.dim], "float32");
    new Uint8Array(core.memory.memory.buffer, result.address, batch * kvHeads * rowsHead).fill(0);
    const read = (range: (b: number) => readonly [from: number, to: number]) => {
      const items = sequences.list.flatMap((_, b) => {
        const [from, to] = range(b);
        const first = Math.max(from, start);
        return [first - start, Math.min(to, end) - first, first];
      });
      const parameters = scope.block(cacheParameters, {
        ...chunkFields(config, chunk),
        ...placePages(scope, sequences),
        batch,
        rows: result.address,
        rowsBatch: kvHeads * rowsHead,
        rowsHead,
        rowsRow,
        items: scope.copyIn(Int32Array.from(items)),
      });
      core.kernels.cacheRead(parameters);
    };
    read((b) => [sequences.list[b]!.start, sequences.list[b]!.length]);
    read((b) => [0, Math.min(pinned, sequences.list[b]!.length)]);
    return result.take() as HostTensor<Float32Array<ArrayBuffer>>;
  });
}

/** What attention is told instead of the addresses of key and value. */
export function placeKeys(scope: CallScope, config: CacheConfig, sequences: Sequences): AttentionFields {
  const { key, value, pinned } = config;
  return {
    ...placePages(scope, sequences),
    keyDtype: key.code,
    key: key.offset,
    keyHead: key.bytes,
    keyRow: key.row,
    value: value.offset,
    valueHead: value.bytes,
    valueRow: value.row,
    pinned,
  };
}

function placePages(scope: CallScope, sequences: Sequences) {
  const width = Math.ceil(Math.max(...sequences.lengths) / PAGE_KEYS);
  return { pages: scope.copyIn(sequences.table(width)), pagesBatch: width * 4 };
}

function chunkFields({ kvHeads, value }: CacheConfig, chunk: Chunk) {
  return {
    heads: kvHeads,
    dim: chunk.dim,
    dtype: chunk.code,
    values: chunk === value && chunk.code >= DTYPE_INT8 ? 1 : 0,
    chunk: chunk.offset,
    chunkHead: chunk.bytes,
    chunkRow: chunk.row,
  };
}
