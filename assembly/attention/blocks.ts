// One block of at most 64 keys of a decoding tile, whatever type it has and wherever it lies: which product reads it, what
// is touched meanwhile, and the two cases that take a second look, 16-bit infinities and a last row that fills no tile.
import {
  AttentionParameters, CACHE_GROUP, DTYPE_BFLOAT16, DTYPE_FLOAT16, DTYPE_FLOAT32, DTYPE_INT4, DTYPE_INT8, PAGE_KEYS,
} from "../abi";
import { elementShift, widenHalf, widenRow } from "../simd/convert";
import { BFloat16, Float16, Float32, scoreRow, scoreRows, sumRow, sumRows } from "./channels";
import {
  quantiseQuery, quantiseWeights, scoreQuantisedRow, scoreQuantisedRows, sumQuantisedRow, sumQuantisedRows, unpackNibbles,
} from "./quantised";
import { blockOutputs, freeOutputs } from "./splits";
import { Workspace } from "./workspace";

/** Rows that are touched ahead: about a page of memory. */
export const TOUCHED_ROWS: i32 = 8;
/** Half of the 2^112 that float16 rows lack: queries carry the one half, scores the other, so that neither overflows. */
const HALF_BIAS: f32 = 72057594037927936.0;
const BIAS: f32 = 5192296858534827628530496329220096.0;

/** Bytes at W.scores for scores f32 [64][4]; weights f32 [64][4][4] at most follow. */
const SCORE_BYTES: usize = 1024;
/** Behind the weights of quantised pages, f32 [64][4]: their products with scales, as many, and pairs i32 [32][4][4]. */
const PRODUCTS: usize = 2048;
const PAIRS: usize = 3072;

// @ts-ignore: decorator
@inline
export function quantised(P: AttentionParameters): bool {
  return P.keyDtype >= DTYPE_INT8;
}

/** Channels of a row in memory. */
// @ts-ignore: decorator
@inline
function paddedDim(P: AttentionParameters, n: i32): i32 {
  const last = quantised(P) ? CACHE_GROUP - 1 : 7;
  return (n + last) & ~last;
}

// @ts-ignore: decorator
@inline
export function paddedValues(P: AttentionParameters): i32 {
  return paddedDim(P, P.valueDim);
}

/** Where the weights of a block stand: of one row f32 [n], of four f32 [n][4], each in four lanes unless quantised. */
// @ts-ignore: decorator
@inline
export function weightsOf(W: Workspace): usize {
  return W.scores + SCORE_BYTES;
}

/** Whether vectors hold the even and the odd ones of 8 channels, as 16-bit rows are read. */
// @ts-ignore: decorator
@inline
export function channelsInPairs(P: AttentionParameters): bool {
  return P.keyDtype == DTYPE_FLOAT16 || P.keyDtype == DTYPE_BFLOAT16;
}

/** What products are multiplied by to be scores before the scale. */
export function scoreFactor(P: AttentionParameters): f32 {
  return P.keyDtype == DTYPE_FLOAT16 ? HALF_BIAS : 1;
}

/** What weights are multiplied by for the sums over values. */
export function weightFactor(P: AttentionParameters): f32 {
  return P.keyDtype == DTYPE_FLOAT16 ? BIAS : 1;
}

/**
 * Address of row j, in a tensor or in a page; 0 where the page is not there.
 * @param head address of the head in batch item 0, or its offset in a page
 */
export function rowAt(P: AttentionParameters, b: i32, j: i32, head: usize, batch: usize, row: usize): usize {
  if (!P.pages) return head + <usize>b * batch + <usize>j * row;
  const page = <usize>load<u32>(P.pages + <usize>b * P.pagesBatch + (<usize>(j / PAGE_KEYS) << 2));
  return page ? page + head + <usize>(j & (PAGE_KEYS - 1)) * row : 0;
}

/**
 * W.queries f32 [D / 8][2][rows][4] in the order of channels that the keys have, rows 1 or 4; or, for quantised keys, i16
 * [D / 8][rows][8] and behind it their scales. Writes the constants of the products, too.
 */
export function packRows(P: AttentionParameters, W: Workspace, b: i32, four: bool): void {
  const D = paddedDim(P, P.headDim);
  const half = P.keyDtype == DTYPE_FLOAT16;
  v128.store(W.keyNorms, i32x4.splat(8192));
  v128.store(W.keyNorms, i32x4.splat(half ? 0x8fffe000 : 0xffff0000), 16);
  const rows = four ? 4 : 1;
  const factor = f32x4.splat(half ? HALF_BIAS : 1);
  const pairs = channelsInPairs(P);
  const staging = W.queries + (<usize>D << 4);
  const step = <usize>rows << 4;
  memory.fill(staging, 0, <usize>D << 2);
  for (let r = 0; r < rows; r++) {
    const at = <usize>r << 2;
    widenRow(
      P.query + <usize>b * P.queryBatch + <usize>load<i32>(W.head + at) * P.queryHead
        + <usize>load<i32>(W.queryIndex + at) * P.queryRow,
      staging, P.headDim, P.dtype,
    );
    let to = W.queries + (<usize>r << 4);
    if (quantised(P)) {
      quantiseQuery(staging, D, rows, to, queryScales(W, D, four) + (<usize>r << 4));
      continue;
    }
    for (let from = staging, end = staging + (<usize>D << 2); from < end; from += 32, to += step << 1) {
      const a = f32x4.mul(v128.load(from), factor);
      const c = f32x4.mul(v128.load(from, 16), factor);
      v128.store(to, pairs ? v128.shuffle<f32>(a, c, 0, 2, 4, 6) : a);
      v128.store(to + step, pairs ? v128.shuffle<f32>(a, c, 1, 3, 5, 7) : c);
    }
  }
}

// @ts-ignore: decorator
@inline
function queryScales(W: Workspace, D: i32, four: bool): usize {
  return W.queries + (<usize>D << (four ? 3 : 1));
}

/** Rows of int8 and their scales, from a chunk of a page: where they are. */
// @ts-ignore: decorator
@inline
function scalesOf(P: AttentionParameters, chunk: usize, dim: i32): usize {
  return chunk + (<usize>(PAGE_KEYS * dim) >> (P.keyDtype == DTYPE_INT4 ? 1 : 0));
}

// @ts-ignore: decorator
@inline
function unpacked(P: AttentionParameters, chunk: usize, dim: i32, to: usize): usize {
  if (P.keyDtype != DTYPE_INT4) return chunk;
  unpackNibbles(chunk, <usize>(PAGE_KEYS * dim) >> 1, to);
  return to;
}

/**
 * W.scores f32 [n][1 or 4 rows] = products with n keys, n rounded up to 4.
 * @param key the first key's row; of a quantised page its chunk
 * @param next rows that will be read after these, at least TOUCHED_ROWS of them, or 0
 */
export function readKeys(P: AttentionParameters, W: Workspace, four: bool, key: usize, n: i32, next: usize): void {
  const D = paddedDim(P, P.headDim);
  if (quantised(P)) {
    const rows = unpacked(P, key, D, W.keys);
    const scales = scalesOf(P, key, D);
    if (four) scoreQuantisedRows(W.queries, queryScales(W, D, true), rows, scales, n, D, W.scores);
    else scoreQuantisedRow(W.queries, queryScales(W, D, false), rows, scales, n, D, W.scores);
    return;
  }
  if (!scoreBlock(P.keyDtype, W, four, key, P.keyRow, n, D, next)) return;
  widenSpecial(key, P.keyRow, n, D, W.keys);
  scoreBlock(DTYPE_FLOAT32, W, four, W.keys, <usize>D << 2, n, D, 0);
}

/** Outputs of the block = weights times n values. */
export function readValues(P: AttentionParameters, W: Workspace, four: bool, value: usize, n: i32, next: usize): void {
  const Dv = paddedValues(P);
  const outputs = blockOutputs(P, W);
  if (quantised(P)) {
    sumGroups(P, W, four, unpacked(P, value, Dv, W.values), scalesOf(P, value, Dv), n, Dv, outputs);
    return;
  }
  const bytes = <usize>Dv << (four ? 4 : 2);
  const weights = weightsOf(W);
  memory.fill(outputs, 0, bytes);
  const whole = n & ~3;
  let special = sumBlock(P.keyDtype, W, four, value, P.valueRow, whole, Dv, weights, outputs, next);
  if (whole < n) {
    // The last rows, with rows of zeros to make four
    const tail = freeOutputs(P, W);
    const row = <usize>Dv << elementShift(P.keyDtype);
    memory.fill(tail, 0, row << 2);
    for (let j = whole; j < n; j++) memory.copy(tail + <usize>(j - whole) * row, value + <usize>j * P.valueRow, row);
    const last = weights + (<usize>whole << (four ? 6 : 2));
    special = sumBlock(P.keyDtype, W, four, tail, row, 4, Dv, last, outputs, 0) || special;
  }
  if (!special) return;
  const row = <usize>Dv << 2;
  memory.fill(outputs, 0, bytes);
  memory.fill(W.values + <usize>whole * row, 0, row << 2);
  widenSpecial(value, P.valueRow, n, Dv, W.values);
  sumBlock(DTYPE_FLOAT32, W, four, W.values, row, (n + 3) & ~3, Dv, weights, outputs, 0);
}

function sumGroups(
  P: AttentionParameters, W: Workspace, four: bool, value: usize, scales: usize, n: i32, Dv: i32, outputs: usize,
): void {
  const keys = (n + 7) & ~7;
  const pairs = W.scores + PAIRS;
  const end = pairs + (<usize>keys << (four ? 5 : 1));
  const step: usize = four ? 512 : 128;
  for (let c = 0; c < Dv; c += CACHE_GROUP, value += CACHE_GROUP * PAGE_KEYS, scales += 2 * PAGE_KEYS, outputs += step) {
    const factor = quantiseWeights(weightsOf(W), scales, keys, four, W.scores + PRODUCTS, pairs);
    if (four) sumQuantisedRows(value, pairs, end, factor, outputs);
    else sumQuantisedRow(value, pairs, end, factor, outputs);
  }
}

/** to f32 [n][D] = 2^-112 times float16 rows, infinities and NaN too, in the order in which Float16 reads channels. */
function widenSpecial(from: usize, stride: usize, n: i32, D: i32, to: usize): void {
  const factor = f32x4.splat(1 / BIAS);
  for (let j = 0; j < n; j++, from += stride) {
    for (let c: usize = 0; c < <usize>D << 1; c += 16, to += 32) {
      const x = v128.load(from + c);
      v128.store(to, f32x4.mul(widenHalf(v128.and(x, i32x4.splat(0xffff))), factor));
      v128.store(to, f32x4.mul(widenHalf(i32x4.shr_u(x, 16)), factor), 16);
    }
  }
}

/** What to touch while rows [j, j + TOUCHED_ROWS) are read: the rows after them, or `next`; 0 where that is not sure. */
// @ts-ignore: decorator
@inline
function aheadOf(rows: usize, j: i32, n: i32, stride: usize, row: usize, next: usize): usize {
  // Rows apart from each other would have their neighbours' memory read
  if (stride != row) return 0;
  return j + 2 * TOUCHED_ROWS <= n ? rows + <usize>TOUCHED_ROWS * stride : j + TOUCHED_ROWS >= n ? next : 0;
}

function scoreBlock(dtype: i32, W: Workspace, four: bool, key: usize, stride: usize, n: i32, D: i32, next: usize): bool {
  const constants = W.keyNorms;
  const row = <usize>D << elementShift(dtype);
  let special = false;
  for (let j = 0; j < n; j += TOUCHED_ROWS) {
    const count = min(TOUCHED_ROWS, n - j);
    const rows = key + <usize>j * stride;
    const touched = aheadOf(rows, j, n, stride, row, next);
    const step: usize = touched ? 1 : 0;
    const ahead = touched ? touched : constants;
    const q = W.queries;
    if (four) {
      const to = W.scores + (<usize>j << 4);
      if (dtype == DTYPE_FLOAT32) scoreRows<Float32>(q, rows, stride, count, D, to, ahead, step, constants);
      else if (dtype == DTYPE_BFLOAT16) scoreRows<BFloat16>(q, rows, stride, count, D, to, ahead, step, constants);
      else if (scoreRows<Float16>(q, rows, stride, count, D, to, ahead, step, constants)) special = true;
    } else {
      const to = W.scores + (<usize>j << 2);
      if (dtype == DTYPE_FLOAT32) scoreRow<Float32>(q, rows, stride, count, D, to, ahead, step, constants);
      else if (dtype == DTYPE_BFLOAT16) scoreRow<BFloat16>(q, rows, stride, count, D, to, ahead, step, constants);
      else if (scoreRow<Float16>(q, rows, stride, count, D, to, ahead, step, constants)) special = true;
    }
  }
  return special;
}

function sumBlock(
  dtype: i32, W: Workspace, four: bool, value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize, next: usize,
): bool {
  const constants = W.keyNorms;
  const row = <usize>Dv << elementShift(dtype);
  let special = false;
  for (let j = 0; j < n; j += TOUCHED_ROWS) {
    const count = min(TOUCHED_ROWS, n - j);
    const rows = value + <usize>j * stride;
    const touched = aheadOf(rows, j, n, stride, row, next);
    const step: usize = touched ? 1 : 0;
    const ahead = touched ? touched : constants;
    if (four) {
      const w = weights + (<usize>j << 6);
      if (dtype == DTYPE_FLOAT32) sumRows<Float32>(rows, stride, count, Dv, w, outputs, ahead, step, constants);
      else if (dtype == DTYPE_BFLOAT16) sumRows<BFloat16>(rows, stride, count, Dv, w, outputs, ahead, step, constants);
      else if (sumRows<Float16>(rows, stride, count, Dv, w, outputs, ahead, step, constants)) special = true;
    } else {
      const w = weights + (<usize>j << 2);
      if (dtype == DTYPE_FLOAT32) sumRow<Float32>(rows, stride, count, Dv, w, outputs, ahead, step, constants);
      else if (dtype == DTYPE_BFLOAT16) sumRow<BFloat16>(rows, stride, count, Dv, w, outputs, ahead, step, constants);
      else if (sumRow<Float16>(rows, stride, count, Dv, w, outputs, ahead, step, constants)) special = true;
    }
  }
  return special;
}
