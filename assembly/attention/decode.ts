// Attention of few queries over many keys, at the speed of memory: up to 4 rows (G * Sq) share a key head, its keys and
// values are read once, in their own type, and lanes are channels instead of queries.
//
// A tile is a split of SPLIT_KEYS keys of one key head, or, in the pages of a cache, of all: a page is read from its start to
// its end, since hardware prefetches long runs only (docs/kernels.md). Splits follow the shape, so the bits are the same
// for any number of threads. Each leaves unnormalised outputs, maximum and sum in records, which splits.ts merges
// (Flash-Decoding: Dao et al. 2023); inside a split Dao et al. 2022, algorithm 1.
// Contract: as in forward.ts; P.partials is there where a call has more than one split.
import { AttentionParameters, BatchItem, LANES, PAGE_KEYS, SIMILARITY_DOT } from "../abi";
import { quantised } from "../cache/page";
import { exp2, exp2With, madd, maximum, tanh } from "../simd/math";
import { blockAt, MOST_TOUCHED, packRows, readKeys, readValues, scoreFactor, weightFactor } from "./blocks";
import { hasBiases } from "./masks";
import { describeRows, highest, lowest } from "./rows";
import { scaledLate, softmaxFactor } from "./scores";
import {
  ALPHA, finishSlice, headsTogether, OUTPUTS, recordBytes, recordsOf, rescale, rowsTogether, SPLIT_KEYS, splitsOf,
  startRecord, unitBytes, WEIGHT_BYTES,
} from "./splits";
import { Workspace } from "./workspace";

/** Rows that this path takes. */
const FEW_ROWS: i32 = 4;

/** Whether this path computes the call. Weights are recomputed to the bit from the forward's scores, so not with them. */
export function decodes(P: AttentionParameters): bool {
  const rows = P.groups * P.queryLength;
  if (rows < 1 || rows > FEW_ROWS || P.similarity != SIMILARITY_DOT || P.rowMax || hasBiases(P)) return false;
  // Whole vectors of 8 channels; the rows of pages are padded to that
  return P.pages ? min(P.headDim, P.valueDim) >= 8 : ((P.headDim | P.valueDim) & 7) == 0;
}

/** Describes rows [row, row + n) of a slice (batch item and key head). */
export function describeFew(P: AttentionParameters, W: Workspace, slice: i32, row: i32, n: i32): void {
  const item = changetype<BatchItem>(P.items + <usize>(slice / P.keyHeads) * offsetof<BatchItem>());
  describeRows(P, W, item, row, n, 0, (slice % P.keyHeads) * P.groups, P.groups, true);
}

/** Computes one tile; where it is the only split of its rows, their results too. */
export function decodeTile(P: AttentionParameters, W: Workspace, tile: i32): void {
  if (!decodeSplit(P, W, tile, false)) decodeSplit(P, W, tile, true);
  if (splitsOf(P) == 1) {
    const heads = headsTogether(P);
    for (let s = tile * heads; s < (tile + 1) * heads; s++) finishSlice(P, W, s);
  }
}

/**
 * @param exact whether float16 is read with its infinities and NaN, slowly
 * @returns false where there are some and it was not
 */
function decodeSplit(P: AttentionParameters, W: Workspace, tile: i32, exact: bool): bool {
  const splits = splitsOf(P);
  const heads = headsTogether(P);
  const slice = (tile / splits) * heads;
  const rows = P.groups * P.queryLength;
  const together = rowsTogether(P);
  const units = (heads * rows) / together;
  const unitStep = unitBytes(P);
  const recordStep = <usize>splits * recordBytes(P);
  const records = recordsOf(P, W, slice) + <usize>(tile % splits) * recordBytes(P);
  describeFew(P, W, slice, 0, rows);
  for (let u = 0; u < units; u++) {
    startRecord(P, records + <usize>u * recordStep);
    packRows(P, W, slice, u * together, W.end + <usize>u * unitStep);
  }

  const from = (tile % splits) * SPLIT_KEYS;
  const begin = max(from, lowest(W.low, LANES));
  const end = min(from + SPLIT_KEYS, highest(W.high, LANES) + 1);
  for (let block = blockFrom(P, from, begin); block < end; ) {
    const following = blockFrom(P, block + PAGE_KEYS, begin);
    // A quantised page is read from its start
    const first = quantised(P.keyDtype) || block < P.pinned ? block : max(block, begin);
    let n = min(block + PAGE_KEYS, end) - first;
    // Past the pinned keys nothing is seen before `begin`
    if (begin >= first + n) n = min(n, P.pinned - first);
    for (let values = 0; values < 2; values++) {
      let at = blockAt(P, slice, first, values);
      if (!at) break;
      const headStep = values ? P.valueHead : P.keyHead;
      let unit = W.end;
      let record = records;
      for (let head = 1; head <= heads; head++, at += headStep) {
        let next = at + headStep;
        if (head == heads) next = nextAt(P, slice, values, first, n, following, end);
        for (let row = 0; row < rows; row += together, unit += unitStep, record += recordStep) {
          if (values) {
            rescale(P, record);
            if (readValues(P, W, unit, at, n, record + OUTPUTS, next, exact)) return false;
          } else {
            if (readKeys(P, W, unit + WEIGHT_BYTES, at, n, next, exact)) return false;
            scoresToWeights(P, W, record, unit, row, first, n);
          }
          // The first row has touched it
          next = 0;
        }
      }
    }
    block = following;
  }
  return true;
}

/** The first block from `block` on that holds a key which some row may see: pinned ones, then those from `begin` on. */
// @ts-ignore: decorator
@inline
function blockFrom(P: AttentionParameters, block: i32, begin: i32): i32 {
  return block < P.pinned ? block : max(block, begin & ~(PAGE_KEYS - 1));
}

/** What is read after the keys or values of the last head: the values, or the next block; 0 where there is less than touched. */
// @ts-ignore: decorator
@inline
function nextAt(P: AttentionParameters, slice: i32, values: i32, first: i32, n: i32, following: i32, end: i32): usize {
  const left = values ? end - following : n;
  if (left <= 0 || (left < MOST_TOUCHED && !P.pages)) return 0;
  return blockAt(P, slice, values ? following : first, 1 - values);
}

/**
 * Weights f32 [n][1 or 4 rows] = 2^(factor (s - m) - shift) of keys [first, first + n), from the products in W.scores;
 * m and l of the record move on, and its alpha rescales what came before.
 *
 * Scores of one row stand in its lanes, key by key; of four rows a vector holds those of one key. Either way a vector of
 * maxima, sums and bounds has a lane for each, and for one row the maximum of its four lanes is the row's.
 */
function scoresToWeights(
  P: AttentionParameters, W: Workspace, record: usize, weights: usize, row: i32, first: i32, n: i32,
): void {
  const four = rowsTogether(P) > 1;
  const late = scaledLate(P, false);
  const scale = f32x4.splat(scoreFactor(P) * (late ? 1 : P.scale));
  const cap = f32x4.splat(P.softcap);
  const bounds = <usize>row << 2;
  const low = four ? v128.load(W.low) : v128.load_splat<i32>(W.low + bounds);
  // Vectors are whole: what they hold past the last key is masked too
  const high = i32x4.min_s(
    four ? v128.load(W.high) : v128.load_splat<i32>(W.high + bounds), i32x4.splat(first + n - 1),
  );
  const pinned = i32x4.splat(P.pinned);
  const forbidden = f32x4.splat(-Infinity);
  const end = W.scores + (<usize>((n + 7) & ~7) << (four ? 4 : 2));
  const step = i32x4.splat(four ? 1 : 4);
  let key = i32x4.splat(first);
  if (!four) key = i32x4.add(key, i32x4(0, 1, 2, 3));
  let m = forbidden;
  for (let s = W.scores; s < end; s += 16) {
    let x = f32x4.mul(v128.load(s), scale);
    if (P.softcap != 0) x = f32x4.mul(tanh(f32x4.div(x, cap), W.exp), cap);
    const seen = v128.and(v128.or(i32x4.ge_s(key, low), i32x4.lt_s(key, pinned)), i32x4.le_s(key, high));
    x = v128.bitselect(x, forbidden, seen);
    v128.store(s, x);
    m = maximum(m, x);
    key = i32x4.add(key, step);
  }
  if (!four) {
    m = maximum(m, v128.shuffle<f32>(m, m, 2, 3, 0, 1));
    m = maximum(m, v128.shuffle<f32>(m, m, 1, 0, 3, 2));
  }
  const factor = f32x4.splat(softmaxFactor(P, late));
  const old = v128.load(record);
  m = maximum(old, m);
  const alpha = exp2(f32x4.mul(f32x4.sub(old, m), factor), W.exp);
  v128.store(record, m);
  v128.store(record + ALPHA, alpha);

  const shifted = W.expShifted;
  const lowest = v128.load(shifted);
  const magic = v128.load(shifted, 16);
  const c6 = v128.load(shifted, 32);
  const c5 = v128.load(shifted, 48);
  const c4 = v128.load(shifted, 64);
  const c3 = v128.load(shifted, 80);
  const c2 = v128.load(shifted, 96);
  const c1 = v128.load(shifted, 112);
  const one = v128.load(shifted, 128);
  const weight = f32x4.splat(weightFactor(P));
  let sum = f32x4.splat(0);
  for (let s = W.scores; s < end; s += 16, weights += 16) {
    const x = f32x4.mul(f32x4.sub(v128.load(s), m), factor);
    const p = exp2With(x, lowest, magic, c6, c5, c4, c3, c2, c1, one);
    sum = f32x4.add(sum, p);
    v128.store(weights, f32x4.mul(p, weight));
  }
  v128.store(record, madd(v128.load(record, 16), alpha, sum), 16);
}
