// One block of at most 64 keys of a decoding tile, whatever type it has and wherever it lies: which product reads it, what
// is touched meanwhile, and what takes a second look, infinities of float16 and last rows that fill no tile.
//
// Scratch memory: W.scores and W.biases, W.keys and W.values are one piece each, in the layout of the forward.
import {
  AttentionParameters, CACHE_GROUP, DTYPE_BFLOAT16, DTYPE_FLOAT16, DTYPE_FLOAT32, DTYPE_INT4, PAGE_KEYS,
} from "../abi";
import { pagePresent, quantised } from "../cache/page";
import { elementShift, widenRow } from "../simd/convert";
import { BFloat16, Float16, Float32, scoreRow, scoreRows, sumRow, sumRows, widenRows } from "./channels";
import { firstRow } from "./pack";
import { quantiseQuery, quantiseWeights, scoreQuantised, sumQuantised, unpackNibbles } from "./quantised";
import { lastRows, rowsTogether, WEIGHT_BYTES } from "./splits";
import { Workspace } from "./workspace";

/** Rows of float types are read in pieces of about a page of memory; where they are long, the next piece is touched. */
const PIECE_BYTES: usize = 4096;
const LONG_ROW: usize = 256;
/** Rows of a piece that is touched, at most. */
export const MOST_TOUCHED: i32 = 12;
/** Half of the 2^112 that float16 rows lack: queries carry the one half, scores the other, so that neither overflows. */
const HALF_BIAS: f32 = 72057594037927936.0;
const BIAS: f32 = 5192296858534827628530496329220096.0;
/** Behind the scores, f32 [64][4]: the products of weights with scales f32 [64], and pairs i32 [32]. */
const PRODUCTS: usize = 1024;
const PAIRS: usize = 1280;

/** Channels of a row in memory. */
export function paddedDim(P: AttentionParameters, n: i32): i32 {
  const last = quantised(P.keyDtype) ? CACHE_GROUP - 1 : 7;
  return (n + last) & ~last;
}

/** Whether vectors hold the even and the odd ones of 8 channels, as 16-bit rows are read. */
// @ts-ignore: decorator
@inline
export function channelsInPairs(P: AttentionParameters): bool {
  return P.keyDtype == DTYPE_FLOAT16 || P.keyDtype == DTYPE_BFLOAT16;
}

/** What products are multiplied by to be scores before the scale. */
// @ts-ignore: decorator
@inline
export function scoreFactor(P: AttentionParameters): f32 {
  return P.keyDtype == DTYPE_FLOAT16 ? HALF_BIAS : 1;
}

/** What weights are multiplied by for the sums over values. */
// @ts-ignore: decorator
@inline
export function weightFactor(P: AttentionParameters): f32 {
  return P.keyDtype == DTYPE_FLOAT16 ? BIAS : 1;
}

/** Address of a block's first key, or value, of its chunk where it is quantised; 0 where its page is not there. */
export function blockAt(P: AttentionParameters, s: i32, first: i32, values: i32): usize {
  const b = s / P.keyHeads;
  const head = <usize>(s % P.keyHeads);
  if (!pagePresent(P, b, first)) return 0;
  return values
    ? firstRow(P, b, first, P.value + head * P.valueHead, P.valueBatch, P.valueRow)
    : firstRow(P, b, first, P.key + head * P.keyHead, P.keyBatch, P.keyRow);
}

/**
 * Queries of the unit, from row `row` of the tile on: f32 [D / 8][2][rows][4] in the order of channels that the keys have, rows 1 or 4; or, for quantised keys, i16 [D]
 * and behind it the scales. Writes the constants of the products, too.
 */
export function packRows(P: AttentionParameters, W: Workspace, slice: i32, row: i32, unit: usize): void {
  const D = paddedDim(P, P.headDim);
  const half = P.keyDtype == DTYPE_FLOAT16;
  v128.store(W.keyNorms, i32x4.splat(8192));
  v128.store(W.keyNorms, i32x4.splat(half ? 0x8fffe000 : 0xffff0000), 16);
  const factor = f32x4.splat(half ? HALF_BIAS : 1);
  const pairs = channelsInPairs(P);
  const staging = W.queries;
  const end = staging + (<usize>D << 2);
  const step: usize = rowsTogether(P) > 1 ? 64 : 16;
  // The row table is that of the tile's first head
  const rows = P.groups * P.queryLength;
  const head = <usize>((row / rows) * P.groups) * P.queryHead;
  const query = P.query + <usize>(slice / P.keyHeads) * P.queryBatch + head;
  memory.fill(staging, 0, <usize>D << 2);
  for (let r: usize = 0; r < step; r += 16) {
    const at = <usize>((row % rows) << 2) + (r >> 2);
    widenRow(
      query + <usize>load<i32>(W.head + at) * P.queryHead + <usize>load<i32>(W.queryIndex + at) * P.queryRow,
      staging, P.headDim, P.dtype,
    );
    let to = unit + WEIGHT_BYTES + r;
    if (quantised(P.keyDtype)) {
      quantiseQuery(staging, D, to, to + (<usize>D << 1));
      return;
    }
    for (let from = staging; from < end; from += 32, to += step << 1) {
      const a = f32x4.mul(v128.load(from), factor);
      const c = f32x4.mul(v128.load(from, 16), factor);
      v128.store(to, pairs ? v128.shuffle<f32>(a, c, 0, 2, 4, 6) : a);
      v128.store(to + step, pairs ? v128.shuffle<f32>(a, c, 1, 3, 5, 7) : c);
    }
  }
}

/**
 * W.scores f32 [n][1 or 4 rows] = products with n keys, n rounded up to 4.
 * @param next what is read after these, or 0
 * @param exact whether float16 is widened first
 * @returns whether a key holds an infinity or NaN of float16, which has been read as a number
 */
export function readKeys(P: AttentionParameters, W: Workspace, q: usize, key: usize, n: i32, next: usize, exact: bool): bool {
  const D = paddedDim(P, P.headDim);
  if (quantised(P.keyDtype)) {
    const step = next ? chunkStep(P) : 0;
    scoreQuantised(
      q, q + (<usize>D << 1), unpacked(P, W, key, D), scalesOf(P, key, D), n, D, W.scores, W.keyNorms,
      next ? next : W.keyNorms, step,
    );
    return false;
  }
  return readRows(P, W, key, P.keyRow, n, D, q, W.scores, 0, next, exact);
}

/** Outputs f32 [Dv / 8][2][1 or 4 rows][4] += weights, at the start of the unit, times n values. Otherwise as readKeys. */
export function readValues(
  P: AttentionParameters, W: Workspace, unit: usize, value: usize, n: i32, outputs: usize, next: usize, exact: bool,
): bool {
  const Dv = paddedDim(P, P.valueDim);
  if (quantised(P.keyDtype)) {
    sumGroups(P, W, unpacked(P, W, value, Dv), scalesOf(P, value, Dv), n, Dv, unit, outputs, next);
    return false;
  }
  const whole = n & ~3;
  if (readRows(P, W, value, P.valueRow, whole, Dv, 0, unit, outputs, next, exact)) return true;
  if (whole == n) return false;
  // The last rows, with rows of zeros to make four
  const tail = lastRows(P, W);
  const row = <usize>Dv << elementShift(P.keyDtype);
  memory.fill(tail, 0, row << 2);
  for (let j = whole; j < n; j++) memory.copy(tail + <usize>(j - whole) * row, value + <usize>j * P.valueRow, row);
  const weights = unit + (<usize>whole << (rowsTogether(P) > 1 ? 4 : 2));
  return readRows(P, W, tail, row, 4, Dv, 0, weights, outputs, 0, exact);
}

/** Bytes of a chunk for each of the turns that the products make over it: 64 of int8, or half of it, and 4 of scales. */
// @ts-ignore: decorator
@inline
function chunkStep(P: AttentionParameters): usize {
  return P.keyDtype == DTYPE_INT4 ? 36 : 68;
}

/** The scales of a quantised chunk. */
// @ts-ignore: decorator
@inline
function scalesOf(P: AttentionParameters, chunk: usize, dim: i32): usize {
  return chunk + (<usize>(PAGE_KEYS * dim) >> (P.keyDtype == DTYPE_INT4 ? 1 : 0));
}

/** A quantised chunk's numbers, int8. */
function unpacked(P: AttentionParameters, W: Workspace, chunk: usize, dim: i32): usize {
  if (P.keyDtype != DTYPE_INT4) return chunk;
  unpackNibbles(chunk, <usize>(PAGE_KEYS * dim) >> 1, W.keys);
  return W.keys;
}

function sumGroups(
  P: AttentionParameters, W: Workspace, value: usize, scales: usize, n: i32, Dv: i32, weights: usize, outputs: usize,
  next: usize,
): void {
  const keys = (n + 7) & ~7;
  const pairs = W.scores + PAIRS;
  const step = next ? chunkStep(P) : 0;
  let ahead = next ? next : W.keyNorms;
  for (let c = 0; c < Dv; c += CACHE_GROUP, value += CACHE_GROUP * PAGE_KEYS, scales += 2 * PAGE_KEYS, outputs += 128) {
    const factor = quantiseWeights(weights, scales, keys, W.scores + PRODUCTS, pairs);
    sumQuantised(value, pairs, pairs + (<usize>keys << 1), factor, outputs, ahead, step);
    ahead += step * (PAGE_KEYS / 2);
  }
}

/** to f32 [n][D] = 2^-112 times float16 rows, infinities and NaN too, in the order in which Float16 reads channels. */
function widenExactly(from: usize, stride: usize, n: i32, D: i32, to: usize): void {
  const factor = f32x4.splat(1 / BIAS);
  for (let j = 0; j < n; j++, from += stride) {
    widenRow(from, to, D, DTYPE_FLOAT16);
    for (const end = to + (<usize>D << 2); to < end; to += 32) {
      const a = f32x4.mul(v128.load(to), factor);
      const b = f32x4.mul(v128.load(to, 16), factor);
      v128.store(to, v128.shuffle<f32>(a, b, 0, 2, 4, 6));
      v128.store(to, v128.shuffle<f32>(a, b, 1, 3, 5, 7), 16);
    }
  }
}

/** Scores at `at` of n keys, n rounded up to 4; or, where there are `outputs`, these += weights at `at` times n values. */
function readRows(
  P: AttentionParameters, W: Workspace, rows: usize, stride: usize, n: i32, dim: i32, q: usize, at: usize, outputs: usize,
  next: usize, exact: bool,
): bool {
  const four = rowsTogether(P) > 1;
  const constants = W.keyNorms;
  const row = <usize>dim << elementShift(P.keyDtype);
  const piece = max(4, <i32>min<usize>(64, PIECE_BYTES / row) & ~3);
  const long = row > LONG_ROW;
  // Rows apart from each other would have their neighbours' memory touched
  const touches = long && stride == row && P.keyDtype == DTYPE_FLOAT32;
  for (let j = 0; j < n; j += piece) {
    const count = min(piece, n - j);
    const following = rows + <usize>piece * stride;
    // What is no whole piece may end where memory does
    let ahead: usize = touches ? (j + 2 * piece <= n ? following : j + piece >= n ? next : 0) : 0;
    const step: usize = ahead ? 1 : 0;
    if (!ahead) ahead = constants;
    let dtype = P.keyDtype;
    let apart = stride;
    if (dtype != DTYPE_FLOAT32 && (four || exact || long)) {
      const wide = W.keys;
      if (dtype == DTYPE_BFLOAT16) widenRows<BFloat16>(rows, stride, count, dim, wide, constants);
      else if (exact) widenExactly(rows, stride, count, dim, wide);
      else if (widenRows<Float16>(rows, stride, count, dim, wide, constants)) return true;
      dtype = DTYPE_FLOAT32;
      rows = wide;
      apart = <usize>dim << 2;
    }
    if (four) {
      if (outputs) {
        splatWeights(at, count, W.scores);
        sumRows(rows, apart, count, dim, W.scores, outputs, ahead, step, constants + 32);
      } else {
        scoreRows(q, rows, apart, count, dim, at, ahead, step);
      }
    } else if (outputs) {
      if (dtype == DTYPE_FLOAT32) sumRow<Float32>(rows, apart, count, dim, at, outputs, ahead, step, constants);
      else if (dtype == DTYPE_BFLOAT16) sumRow<BFloat16>(rows, apart, count, dim, at, outputs, ahead, step, constants);
      else if (sumRow<Float16>(rows, apart, count, dim, at, outputs, ahead, step, constants)) return true;
    } else {
      if (dtype == DTYPE_FLOAT32) scoreRow<Float32>(q, rows, apart, count, dim, at, ahead, step, constants);
      else if (dtype == DTYPE_BFLOAT16) scoreRow<BFloat16>(q, rows, apart, count, dim, at, ahead, step, constants);
      else if (scoreRow<Float16>(q, rows, apart, count, dim, at, ahead, step, constants)) return true;
    }
    rows = following;
    at += <usize>piece << (four ? 4 : 2);
  }
  return false;
}

/** to f32 [n][4][4] = f32 [n][4], each in four lanes: V8 takes an instruction more to splat from an offset. */
function splatWeights(from: usize, n: i32, to: usize): void {
  for (const end = from + (<usize>n << 4); from < end; from += 4, to += 16) v128.store(to, v128.load_splat<f32>(from));
}
