// Attention of few queries over many keys, at the speed of memory: up to 4 rows (G * Sq) share a key head, its keys and
// values are read once, and lanes are channels instead of queries.
//
// A tile is a split of the keys of one key head, or, in the pages of a cache, of all: two pages are read side by side, each
// from its start to its end, since hardware prefetches long runs only (docs/kernels.md). Splits follow the shape, so the bits are the same
// for any number of threads. Each leaves unnormalised outputs, maximum and sum in records, which splits.ts merges
// (Flash-Decoding: Dao et al. 2023).
// Contract: as in forward.ts; P.partials is there where a call has more than one split.
import { AttentionParameters, BatchItem, LANES, MASK_BLOCK, PAGE_KEYS, SIMILARITY_DOT, STAGE_MASKED } from "../abi";
import { pagePresent, quantised } from "../cache/page";
import { maximum } from "../simd/math";
import { direct, openBlock, packRows, readKeys, readValues } from "./blocks";
import { hasBiases } from "./masks";
import { describeRows, firstKey, highest, lastKey, lowest } from "./rows";
import { applySteps, scaledLate, softmaxFactor } from "./scores";
import { probabilities } from "./softmax";
import {
  finishTile, headsTogether, queryBytes, raise, recordBytes, rowsTogether, splitKeys, splitsOf, startRecord, tileRecords,
  weightBytes,
} from "./splits";
import { Workspace } from "./workspace";

/** What is done with a block, one after the other. */
const KEYS: i32 = 0;
const SOFTMAX: i32 = 1;
const VALUES: i32 = 2;

/** Rows that this path takes. */
const FEW_ROWS: i32 = 4;

/** Whether this path computes the call. Weights are recomputed to the bit from the forward's scores, so not with them. */
export function decodes(P: AttentionParameters): bool {
  const rows = P.groups * P.queryLength;
  if (rows < 1 || rows > FEW_ROWS || P.similarity != SIMILARITY_DOT || P.rowMax || hasBiases(P)) return false;
  // Whole vectors of 8 channels; the rows of pages are padded to that where they lie
  return ((P.headDim | P.valueDim) & 7) == 0
    || (P.pages && min(P.headDim, P.valueDim) >= 8 && direct(P));
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
  const b = slice / P.keyHeads;
  const head0 = slice % P.keyHeads;
  const rows = P.groups * P.queryLength;
  const together = rowsTogether(P);
  const queryStep = queryBytes(P);
  const weightStep = weightBytes(P);
  const recordStep = recordBytes(P);
  const records = tileRecords(P, W);
  let query = W.end;
  let record = records;
  for (let row = 0; row < heads * rows; row += together, query += queryStep, record += recordStep) {
    describeFew(P, W, slice + row / rows, row % rows, together);
    packRows(P, W, slice, query);
    startRecord(P, record);
  }

  const weights = query;
  describeFew(P, W, slice, 0, rows);
  const keys = splitKeys(P);
  const from = (tile % splits) * keys;
  const begin = max(from, lowest(W.low, LANES));
  const end = min(from + keys, highest(W.high, LANES) + 1);
  for (let block = from, step = 0; block < end; block += step) {
    step = P.pages ? PAGE_KEYS : blockLength(P);
    // What lies between the pinned keys and `begin` is not looked at
    if ((block + step <= begin && block >= P.pinned) || !pagePresent(P, b, block)) continue;
    // Two pages together, where the first is read from its start
    const next = block + step;
    if (block >= begin && next < end && pagePresent(P, b, next)) step = blockLength(P);
    // A quantised page is read from its start
    const first = quantised(P.keyDtype) ? block : firstKey(P, block, begin);
    const last = lastKey(P, first, min(block + step, end), begin);
    // All keys, then all values: nothing comes between what is read from memory
    for (let stage = KEYS; stage <= VALUES; stage++) {
      query = W.end;
      record = records;
      W.scores = weights;
      for (let head = head0; head < head0 + heads; head++) {
        if (stage != SOFTMAX) openBlock(P, W, b, head, first, last, stage == VALUES);
        for (let row = 0; row < rows; row += together, query += queryStep, record += recordStep, W.scores += weightStep) {
          if (stage == KEYS) readKeys(P, W, query);
          else if (stage == SOFTMAX) scoresToWeights(P, W, record, row, first, last);
          else readValues(P, W, record);
        }
      }
    }
  }
  finishTile(P, W, slice, tile % splits);
}

/** Keys visited at once, at most: where they can be read as they lie, two pages, or what lies in one piece. */
export function blockLength(P: AttentionParameters): i32 {
  return !direct(P) ? MASK_BLOCK : P.pages ? 2 * PAGE_KEYS : splitKeys(P);
}

/**
 * W.scores f32 [n][1 or 4 rows], which are products of keys [first, last), become their weights, and a record goes on to
 * their maximum. Scores of one row stand in all lanes, those of four in every fourth.
 */
function scoresToWeights(P: AttentionParameters, W: Workspace, record: usize, row: i32, first: i32, last: i32): void {
  const four = rowsTogether(P) > 1;
  const late = scaledLate(P, false);
  const n = last - first;
  const vectors = four ? n : (n + 3) >> 2;
  if (!late) applySteps(P, W, (vectors + 1) >> 1, 0, 0, STAGE_MASKED);

  const scores = W.scores;
  const end = scores + (<usize>vectors << 4);
  const bounds = <usize>row << 2;
  const low = four ? v128.load(W.low) : v128.load_splat<i32>(W.low + bounds);
  // Vectors are whole: what they hold past the last key is masked too. Past those, what quantised keys left there is zero
  const final = i32x4.splat(last - 1);
  const high = i32x4.min_s(four ? v128.load(W.high) : v128.load_splat<i32>(W.high + bounds), final);
  const step = i32x4.splat(four ? 1 : 4);
  let key = i32x4.splat(first);
  const cut = v128.or(i32x4.gt_s(low, key), i32x4.lt_s(high, final));
  if (v128.any_true(cut) || (!four && (n & 3) != 0)) {
    const pinned = i32x4.splat(P.pinned);
    if (!four) key = i32x4.add(key, i32x4(0, 1, 2, 3));
    for (let s = scores; s < end; s += 16) {
      const seen = v128.and(v128.or(i32x4.ge_s(key, low), i32x4.lt_s(key, pinned)), i32x4.le_s(key, high));
      v128.store(s, v128.bitselect(v128.load(s), f32x4.splat(-Infinity), seen));
      key = i32x4.add(key, step);
    }
  }

  let highest = f32x4.splat(-Infinity);
  for (let s = scores; s < end; s += 16) highest = maximum(highest, v128.load(s));
  if (!four) {
    highest = maximum(highest, v128.shuffle<f32>(highest, highest, 2, 3, 0, 1));
    highest = maximum(highest, v128.shuffle<f32>(highest, highest, 1, 0, 3, 2));
  }
  const m = raise(P, W, record, highest);
  const sum = probabilities(scores, end, 16, m, f32x4.splat(softmaxFactor(P, late)), W.expShifted);
  v128.store(record, f32x4.add(v128.load(record, 16), sum), 16);
}
