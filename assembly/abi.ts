// The contract between the kernels and the host: block sizes, codes and one parameter block per operation.
// scripts/generate-abi.mjs asks the compiler for the offset of every field and writes src/engine/abi.generated.ts;
// `npm run check` fails when the two sides drift. Every field is four bytes; pointers and strides are in bytes.

/** Queries in one tile; a tile is the unit of work (BLOCK_M in Triton's attention tutorial). */
export const TILE_ROWS: i32 = 64;
/** Queries in one lane group: two v128 of f32. */
export const LANES: i32 = 8;
/** Keys visited at once where no block mask asks for its own size (BLOCK_N). */
export const TILE_KEYS: i32 = 192;
/** Bytes at the start of a thread's scratch memory that tell where everything else in it is. */
export const WORKSPACE_HEADER: i32 = 128;
/** Largest head size, of keys and of values: keeps the scratch memory of a tile below 2^31 bytes. */
export const MAX_HEAD_DIM: i32 = 1048576;
/** Bytes of the constants of `exp2`. */
export const EXP_CONSTANTS: i32 = 144;
/** Rows and columns of one block of a block mask. */
export const MASK_BLOCK: i32 = 64;

export const DTYPE_FLOAT32: i32 = 0;
export const DTYPE_FLOAT16: i32 = 1;
export const DTYPE_BFLOAT16: i32 = 2;
/** Signed integers with one bfloat16 scale per key and per CACHE_GROUP channels; only in the pages of a cache. */
export const DTYPE_INT8: i32 = 3;
export const DTYPE_INT4: i32 = 4;

/** Keys in one page of a cache: as many as in a block of a block mask, so that a block never spans two pages. */
export const PAGE_KEYS: i32 = 64;
/** Channels that share a scale. */
export const CACHE_GROUP: i32 = 32;

export const SIMILARITY_DOT: i32 = 0;
export const SIMILARITY_COSINE: i32 = 1;
export const SIMILARITY_EUCLIDEAN: i32 = 2;
export const SIMILARITY_SQUARED_EUCLIDEAN: i32 = 3;
/** Bahdanau's v . tanh(q + k); `additive` points at v. */
export const SIMILARITY_ADDITIVE: i32 = 4;

/** What attentionWeights writes: the score after each step of the pipeline, or the softmax of the last. */
export const STAGE_SCALED: i32 = 0;
export const STAGE_CAPPED: i32 = 1;
export const STAGE_MASKED: i32 = 2;
export const STAGE_WEIGHTS: i32 = 3;
/** Nothing of the matrix, but what its rows and columns say. */
export const STAGE_STATISTICS: i32 = 4;

/** Block mask table entries below zero; others are the index of a bit block. */
export const BLOCK_EMPTY: i32 = -1;
export const BLOCK_FULL: i32 = -2;

/** One per batch item. */
@unmanaged @final
export class BatchItem {
  /** Query i stands at key position i + diagonal. */
  diagonal: i32;
  /** Keys at and after this one are padding and never read. */
  keyLength: i32;
  /** Queries at and after this one are padding: zeros, lse -Infinity. */
  queryLength: i32;
}

/** Fused attention; B batch, H = Hk * G query heads, Hk key heads, Sq queries, Sk keys, D head size, Dv value size. */
@unmanaged @final
export class AttentionParameters {
  batch: i32;
  keyHeads: i32;
  /** G: query heads that share one key head. */
  groups: i32;
  queryLength: i32;
  keyLength: i32;
  headDim: i32;
  valueDim: i32;
  /** Of query and output. */
  dtype: i32;
  /** Of key and value. */
  keyDtype: i32;

  /** [B, H, Sq, D] with the strides below; the last axis is contiguous, here and in every tensor. */
  query: usize;
  queryBatch: usize;
  queryHead: usize;
  queryRow: usize;
  /** [B, Hk, Sk, D] */
  key: usize;
  keyBatch: usize;
  keyHead: usize;
  keyRow: usize;
  /** [B, Hk, Sk, Dv] */
  value: usize;
  valueBatch: usize;
  valueHead: usize;
  valueRow: usize;
  /**
   * u32 [B, pages]: addresses of pages of PAGE_KEYS keys each, or 0: keys and values are tensors. With pages, `key` and
   * `value` are the offsets of both inside a page. Pages that no query may see are never read.
   */
  pages: usize;
  pagesBatch: usize;
  /** 1: float16 in pages is neither infinite nor NaN. */
  finite: i32;
  /** [B, H, Sq, Dv], or 0 */
  output: usize;
  outputBatch: usize;
  outputHead: usize;
  outputRow: usize;

  /** attentionPartials() bytes where the forward has splits to merge, which attentionFinish does; or 0 */
  partials: usize;

  /** f32 [B, H, Sq], or 0 */
  lse: usize;
  /** Running maximum and sum of each row, f32 [B, H, Sq]; written by the forward, read by the weights; or 0. */
  rowMax: usize;
  rowSum: usize;

  similarity: i32;
  scale: f32;
  /** 0 means none. */
  softcap: f32;
  /** Exponentials are stored times 2^-shift, so that sums of huge values stay in range; 2^shift >= Sk. */
  shift: i32;
  /** f32 [D], with SIMILARITY_ADDITIVE */
  additive: usize;

  /** BatchItem [B] */
  items: usize;
  /** Keys seen left and right of the diagonal; -1 is open. */
  left: i32;
  right: i32;
  /** Keys before this one are seen whatever `left` says (attention sinks, Xiao et al. 2023). */
  pinned: i32;

  /** u8, 1 = attend; broadcast axes have stride 0; or 0 */
  mask: usize;
  maskBatch: usize;
  maskHead: usize;
  maskRow: usize;
  maskKey: usize;
  /** f32, added; or 0 */
  bias: usize;
  biasBatch: usize;
  biasHead: usize;
  biasRow: usize;
  biasKey: usize;
  /** i32 [B, Sq] and [B, Sk]: a query attends where the two are equal; or 0 */
  querySegments: usize;
  querySegmentsBatch: usize;
  keySegments: usize;
  keySegmentsBatch: usize;
  /** f32 [H]: -slope * |distance| is added; or 0 */
  alibiSlopes: usize;
  /** f32 [H, 2 * relativeRadius + 1], indexed by key position minus query position, clamped; or 0 */
  relativeBias: usize;
  relativeHead: usize;
  relativeRadius: i32;
  /** f32 [H]: one more logit in the softmax, with no value; or 0 */
  sinks: usize;
  /** i32 [B, H, ceil(Sq / 64), ceil(Sk / 64)]: BLOCK_EMPTY, BLOCK_FULL or an index into blockBits; or 0 */
  blockTable: usize;
  blockBatch: usize;
  blockHead: usize;
  blockRow: usize;
  /** 64 rows of 64 bits each, bit k of row q = attend */
  blockBits: usize;

  /** attentionWeights only: f32 [B, headCount, rowCount, Sk] and the chosen rows and heads, i32 each. */
  weights: usize;
  stage: i32;
  rows: usize;
  rowCount: i32;
  heads: usize;
  headCount: i32;

  /** With STAGE_STATISTICS, of all rows and heads; each or 0. f32 [B, H, Sq]: */
  entropy: usize;
  distance: usize;
  /** f32 [B, H, Sq]: the share of keys at most so far before and after the diagonal; at most 2^30 */
  windowShare: usize;
  windowLeft: i32;
  windowRight: i32;
  /** f32 [B, H, Sk] */
  mass: usize;
  /** i32 and f32 [B, H, Sq, topK] */
  topKeys: usize;
  topWeights: usize;
  topK: i32;
}

/** Exact merge of partial results over disjoint keys. */
@unmanaged @final
export class MergeParameters {
  /** Pointers [parts]: outputs of `dtype` with the strides below, and contiguous lse f32 [B, H, Sq]. */
  outputs: usize;
  lses: usize;
  parts: i32;
  heads: i32;
  length: i32;
  valueDim: i32;
  dtype: i32;
  outputBatch: usize;
  outputHead: usize;
  outputRow: usize;
  output: usize;
  lse: usize;
  /** EXP_CONSTANTS bytes and f32 [2][valueDim rounded up to 4] */
  scratch: usize;
}

/** Rotary position embedding. */
@unmanaged @final
export class RotaryParameters {
  batch: i32;
  heads: i32;
  length: i32;
  headDim: i32;
  /** Leading channels that are rotated; the others are copied. */
  rotaryDim: i32;
  /** 1: channels 2i and 2i + 1 form a pair; 0: i and i + rotaryDim / 2. */
  interleaved: i32;
  dtype: i32;
  input: usize;
  inputBatch: usize;
  inputHead: usize;
  inputRow: usize;
  output: usize;
  outputBatch: usize;
  outputHead: usize;
  outputRow: usize;
  /** f32, one row of rotaryDim / 2 per position */
  cos: usize;
  sin: usize;
  cacheBatch: usize;
  cacheRow: usize;
  /** i32: row of the cache for each (batch, s); or 0: row s */
  positions: usize;
  positionsBatch: usize;
  /** f32 [2 * headDim] */
  scratch: usize;
}

/** Rows of one batch item that go into or come out of a cache. */
@unmanaged @final
export class CacheItem {
  /** Rows [skip, skip + count) are positions [position, position + count). */
  skip: i32;
  count: i32;
  position: i32;
}

/** Keys or values between a tensor and the pages of a cache. */
@unmanaged @final
export class CacheParameters {
  batch: i32;
  heads: i32;
  /** Channels of a row. */
  dim: i32;
  /** Of the pages. */
  dtype: i32;
  /** 1: the chunks are laid out as values, 0: as keys; of int8 and int4 only. */
  values: i32;
  /** u32 [B, pages], as in AttentionParameters */
  pages: usize;
  pagesBatch: usize;
  /** Of the first head's chunk in a page, between chunks, and for floats between the rows of one. */
  chunk: usize;
  chunkHead: usize;
  chunkRow: usize;
  /** [B, heads, n, dim] of rowsDtype; f32 where they are read back */
  rows: usize;
  rowsBatch: usize;
  rowsHead: usize;
  rowsRow: usize;
  rowsDtype: i32;
  /** CacheItem [B] */
  items: usize;
  /** f32 [dim rounded up to CACHE_GROUP], for appending */
  scratch: usize;
}

/** What a job computes. */
export const OPERATION_FORWARD: i32 = 0;
export const OPERATION_WEIGHTS: i32 = 1;

/** A worker's slot: its state (below, or the state of the job it is in), the tile it is computing, the last it took. */
export const SLOT_BYTES: i32 = 64;
export const WORKER_ABSENT: i32 = 0;
export const WORKER_IDLE: i32 = -2;
export const WORKER_GONE: i32 = -1;

/** The job that all threads share, itself slot 0; slot w of worker w = 1, 2, ... follows at w * SLOT_BYTES. */
@unmanaged @final
export class JobQueue {
  /** Odd while a job is open. Workers sleep on it. */
  state: i32;
  /** The tile of the owner, whose slot this block is, and the last of those it took. */
  tile: i32;
  last: i32;
  stop: i32;
  operation: i32;
  parameters: usize;
  tiles: i32;
  /** How many tiles were taken. */
  next: i32;
  /** How many threads take them. */
  threads: i32;
  /** Thread w, 0 being the owner, works in scratch + w * scratchBytes. */
  scratch: usize;
  scratchBytes: usize;
}
