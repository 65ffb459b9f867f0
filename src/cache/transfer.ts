// Rows of tensors into the pages of a cache and back (assembly/cache/transfer.ts), and what the kernels of attention are told
// of the pages.
import type { AttentionFields } from "../attention/biases.js";
import { type Heads, type Layout, packedStrides } from "../attention/heads.js";
import type { planRotary } from "../attention/rotary.js";
import { CACHE_GROUP, cacheParameters, DTYPE_FLOAT32, PAGE_KEYS } from "../engine/abi.generated.js";
import type { CallScope } from "../engine/core.js";
import { ELEMENT_BYTES, type HostTensor } from "../host-tensor.js";
import { floatCode, place, Result } from "../operand.js";
import type { CacheConfig } from "./create.js";
import type { Chunk } from "./layout.js";
import { pagesOf, type Sequence, type Sequences } from "./sequences.js";

export type Rotation = ReturnType<typeof planRotary>;

/** Rows [B, heads, n, dim] in memory; strides in bytes. */
interface Rows {
  readonly address: number;
  readonly batch: number;
  readonly head: number;
  readonly row: number;
}

/** Where the rows of an argument lie once placed; rotated ones are packed in memory of the call. */
export function placeRows(scope: CallScope, heads: Heads, layout: Layout, rotate?: Rotation): Rows {
  const { operand, dim } = heads;
  if (!rotate) {
    return { address: place(scope, operand), batch: heads.batchStride, head: heads.headStride, row: heads.rowStride };
  }
  const bytes = ELEMENT_BYTES[operand.dtype];
  const { batch, head, row } = packedStrides(heads, dim, layout, bytes);
  const address = scope.allocate(heads.batch * batch);
  rotate(scope, address);
  return { address, batch, head, row };
}

/**
 * Appends the rows of key and value.
 * @param items [skip, count, position] of each sequence: rows [skip, skip + count)
 * @param lengths of the sequences afterwards
 */
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
  // The kernel is told only of the pages that it writes to
  const skipped = Array.from(lengths, (_, b) => Math.floor(items[b * 3 + 2]! / PAGE_KEYS));
  const width = widest(lengths, skipped);
  const pages = scope.allocate(batch * width * 4);
  const placed = scope.copyIn(items.map((word, i) => (i % 3 === 2 ? word % PAGE_KEYS : word)));
  const blocks = sources.map(([chunk, heads, rotate]) => {
    const rows = placeRows(scope, heads, layout, rotate);
    return parameters(scope, config, chunk, batch, pages, width, rows, floatCode(heads.operand), placed);
  });
  // The last that can fail
  sequences.pool.reserve(sequences.missing(lengths));
  const written = sequences.grow(lengths);
  core.memory.words.set(sequences.table(width, skipped).addresses, pages >>> 2);
  for (const block of blocks) {
    if (!core.kernels.cacheAppend(block)) for (const page of written) page.finite = false;
  }
}

/** Pages of the longest sequence, from the first that is not skipped on. */
function widest(lengths: Int32Array, skipped: readonly number[]): number {
  return lengths.reduce((most, length, b) => Math.max(most, pagesOf(length) - skipped[b]!), 0);
}

/** Positions [start, end) as float32 [B, Hk, end - start, dim]; zeros where there is no such token. */
export function readRows(config: CacheConfig, sequences: Sequences, chunk: Chunk, start: number, end: number) {
  const { core, kvHeads, pinned } = config;
  const { list, longest } = sequences;
  const row = chunk.dim * 4;
  const head = (end - start) * row;
  return core.call((scope) => {
    const result = new Result(scope, false, [list.length, kvHeads, end - start, chunk.dim], "float32");
    const rows = { address: result.address, batch: kvHeads * head, head, row };
    core.memory.bytes.fill(0, rows.address, rows.address + list.length * rows.batch);
    const width = pagesOf(longest);
    const pages = scope.copyIn(sequences.table(width).addresses);
    const read = (range: (sequence: Sequence) => readonly [from: number, to: number]) => {
      const items = list.flatMap((sequence) => {
        const [from, to] = range(sequence);
        const first = Math.max(from, start);
        return [first - start, Math.min(to, end) - first, first];
      });
      const placed = scope.copyIn(Int32Array.from(items));
      core.kernels.cacheRead(parameters(scope, config, chunk, list.length, pages, width, rows, DTYPE_FLOAT32, placed));
    };
    read(({ start: first, length }) => [first, length]);
    read(({ length }) => [0, Math.min(pinned, length)]);
    return result.take() as HostTensor<Float32Array<ArrayBuffer>>;
  });
}

/**
 * Sets what attention is told instead of the addresses of key and value.
 * @param items BatchItem [B]
 * @param close whether positions may be counted without what a ring has given up, so that a long past costs nothing
 */
export function placeKeys(
  scope: CallScope,
  fields: AttentionFields,
  { key, value, pinned }: CacheConfig,
  sequences: Sequences,
  items: Int32Array,
  close: boolean,
): void {
  const { list, lengths } = sequences;
  const kept = pagesOf(pinned);
  const skipped = list.map(({ start }) => (close ? Math.max(0, Math.floor(start / PAGE_KEYS) - kept) : 0));
  const width = widest(lengths, skipped);
  const { addresses, finite } = sequences.table(width, skipped, kept);
  fields.pages = scope.copyIn(addresses);
  fields.pagesBatch = width * 4;
  fields.finite = finite ? 1 : 0;
  // The diagonal and the length move along; the number of queries stays
  const moved = items.map((word, i) => (i % 3 === 2 ? word : word - skipped[Math.floor(i / 3)]! * PAGE_KEYS));
  fields.items = scope.copyIn(moved);
  fields.keyLength = moved.reduce((most, word, i) => (i % 3 === 1 ? Math.max(most, word) : most), 0);
  fields.keyDtype = key.code;
  fields.key = key.offset;
  fields.keyHead = key.bytes;
  fields.keyRow = key.row;
  fields.value = value.offset;
  fields.valueHead = value.bytes;
  fields.valueRow = value.row;
  fields.pinned = pinned;
}

function parameters(
  scope: CallScope,
  { kvHeads, value }: CacheConfig,
  { dim, code, offset, bytes, row }: Chunk,
  batch: number,
  pages: number,
  width: number,
  rows: Rows,
  rowsDtype: number,
  items: number,
): number {
  return scope.block(cacheParameters, {
    batch,
    heads: kvHeads,
    dim,
    dtype: code,
    values: offset === value.offset ? 1 : 0,
    pages,
    pagesBatch: width * 4,
    chunk: offset,
    chunkHead: bytes,
    chunkRow: row,
    rows: rows.address,
    rowsBatch: rows.batch,
    rowsHead: rows.head,
    rowsRow: rows.row,
    rowsDtype,
    items,
    scratch: scope.allocate((dim + CACHE_GROUP) * 4),
  });
}
