// Attention of few queries over many keys, at the speed of memory: up to 4 rows (G * Sq) share a key head, its keys and
// values are read once, and lanes are channels instead of queries.
//
// A tile is a split of SPLIT_KEYS keys of one key head, or, in the pages of a cache, of all: a page is read from its start to
// its end, since hardware prefetches long runs only (docs/kernels.md). Splits follow the shape, so the bits are the same
// for any number of threads. Each leaves unnormalised outputs, maximum and sum in records, which splits.ts merges
// (Flash-Decoding: Dao et al. 2023), as those of its blocks are.
// Contract: as in forward.ts; P.partials is there where a call has more than one split.
import { AttentionParameters, BatchItem, LANES, SIMILARITY_DOT, STAGE_MASKED } from "../abi";
import { pagePresent, quantised } from "../cache/page";
import { blockAt, directHalves, packRows, readKeys, readValues } from "./blocks";
import { hasBiases } from "./masks";
import { blockKeys, describeRows, firstKey, highest, lastKey, lowest } from "./rows";
import { applySteps, scaledLate, softmaxFactor } from "./scores";
import { largest, NO_MAXIMUM, onlineSoftmax } from "./softmax";
import {
  combine, finishSlice, headsTogether, recordBytes, recordsOf, rowsTogether, SPLIT_KEYS, splitsOf, startRecord, unitBytes,
  weightsOf,
} from "./splits";
import { keysInPlace, Workspace } from "./workspace";

/** Rows that this path takes. */
const FEW_ROWS: i32 = 4;

/** Whether this path computes the call. Weights are recomputed to the bit from the forward's scores, so not with them. */
export function decodes(P: AttentionParameters): bool {
  const rows = P.groups * P.queryLength;
  if (rows < 1 || rows > FEW_ROWS || P.similarity != SIMILARITY_DOT || P.rowMax || hasBiases(P)) return false;
  // Whole vectors of 8 channels; the rows of pages are padded to that where they lie
  return ((P.headDim | P.valueDim) & 7) == 0
    || (P.pages && min(P.headDim, P.valueDim) >= 8 && (keysInPlace(P) || quantised(P.keyDtype) || directHalves(P)));
}

/** Describes rows [row, row + n) of a slice (batch item and key head). */
export function describeFew(P: AttentionParameters, W: Workspace, slice: i32, row: i32, n: i32): void {
  const item = changetype<BatchItem>(P.items + <usize>(slice / P.keyHeads) * offsetof<BatchItem>());
  describeRows(P, W, item, row, n, 0, (slice % P.keyHeads) * P.groups, P.groups, true);
}

/** Computes one tile; where it is the only split of its rows, their results too. */
export function decodeTile(P: AttentionParameters, W: Workspace, tile: i32): void {
  const splits = splitsOf(P);
  const heads = headsTogether(P);
  const slice = (tile / splits) * heads;
  const rows = P.groups * P.queryLength;
  const together = rowsTogether(P);
  const unitStep = unitBytes(P);
  const recordStep = <usize>splits * recordBytes(P);
  const records = recordsOf(P, W, slice) + <usize>(tile % splits) * recordBytes(P);
  let unit = W.end;
  let record = records;
  for (let row = 0; row < heads * rows; row += together, unit += unitStep, record += recordStep) {
    describeFew(P, W, slice + row / rows, row % rows, together);
    packRows(P, W, slice, unit);
    startRecord(P, record);
  }

  describeFew(P, W, slice, 0, rows);
  const step = blockKeys(P);
  const from = (tile % splits) * SPLIT_KEYS;
  const begin = max(from, lowest(W.low, LANES));
  const end = min(from + SPLIT_KEYS, highest(W.high, LANES) + 1);
  for (let block = from; block < end; block += step) {
    // What lies between the pinned keys and `begin` is not looked at
    if ((block + step <= begin && block >= P.pinned) || !pagePresent(P, slice / P.keyHeads, block)) continue;
    // A quantised page is read from its start
    const first = quantised(P.keyDtype) ? block : firstKey(P, block, begin);
    const last = lastKey(P, first, min(block + step, end), begin);
    for (let values = 0; values < 2; values++) {
      unit = W.end;
      record = records;
      for (let head = slice; head < slice + heads; head++) {
        const at = blockAt(P, W, head, first, last, values != 0);
        for (let row = 0; row < rows; row += together, unit += unitStep, record += recordStep) {
          if (values) {
            readValues(P, W, unit, at, last - first);
            combine(P, W, record, unit);
          } else {
            W.scores = weightsOf(P, unit);
            readKeys(P, W, unit, at, last - first);
            scoresToWeights(P, W, unit, row, first, last);
          }
        }
      }
    }
  }
  if (splits == 1) for (let s = slice; s < slice + heads; s++) finishSlice(P, W, s);
}

/**
 * W.scores f32 [n][1 or 4 rows], which are products of keys [first, last), become their weights, and the unit's record
 * that of the block: maximum, sum and no outputs yet. Scores of one row stand in all lanes, those of four in every fourth.
 */
function scoresToWeights(P: AttentionParameters, W: Workspace, unit: usize, row: i32, first: i32, last: i32): void {
  const four = rowsTogether(P) > 1;
  const late = scaledLate(P, false);
  const n = last - first;
  const count = four ? (n + 1) >> 1 : (n + 7) >> 3;
  if (!late) applySteps(P, W, count, 0, 0, STAGE_MASKED);

  const bounds = <usize>row << 2;
  const low = four ? v128.load(W.low) : v128.load_splat<i32>(W.low + bounds);
  // Vectors are whole: what they hold past the last key is masked too
  const high = i32x4.min_s(four ? v128.load(W.high) : v128.load_splat<i32>(W.high + bounds), i32x4.splat(last - 1));
  const pinned = i32x4.splat(P.pinned);
  const step = i32x4.splat(four ? 1 : 4);
  const end = W.scores + (<usize>count << 5);
  let key = i32x4.splat(first);
  if (!four) key = i32x4.add(key, i32x4(0, 1, 2, 3));
  for (let s = W.scores; s < end; s += 16) {
    const seen = v128.and(v128.or(i32x4.ge_s(key, low), i32x4.lt_s(key, pinned)), i32x4.le_s(key, high));
    v128.store(s, v128.bitselect(v128.load(s), f32x4.splat(-Infinity), seen));
    key = i32x4.add(key, step);
  }

  startRecord(P, unit);
  v128.store(W.rowMax, f32x4.splat(NO_MAXIMUM));
  v128.store(W.rowMax, f32x4.splat(NO_MAXIMUM), 16);
  memory.fill(W.rowSum, 0, 32);
  largest(W.scores, count, W.alpha, four ? 4 : 1);
  onlineSoftmax(W.scores, count, softmaxFactor(P, late), W.exp, W.expShifted, W.rowMax, W.rowSum, W.alpha);
  v128.store(unit, v128.load(W.rowMax));
  v128.store(unit, f32x4.add(v128.load(W.rowSum), v128.load(W.rowSum, 16)), 16);
}
