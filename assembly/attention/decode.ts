// Attention of few queries over many keys, at the speed of memory: up to 4 rows (G * Sq) share a key head, its keys and
// values are read once, in their own type, and lanes are channels instead of queries.
//
// A tile is (batch item, key head, split of SPLIT_KEYS keys). Splits follow the shape only, so the bits are the same for
// any number of threads. Each leaves its unnormalised outputs, maximum and sum in a record of its own, which splits.ts
// merges (Flash-Decoding: Dao et al. 2023); inside a split Dao et al. 2022, algorithm 1.
// Contract: as in forward.ts; P.partials is there where a call has more than one split.
import { AttentionParameters, BatchItem, LANES, PAGE_KEYS, SIMILARITY_DOT } from "../abi";
import { exp2, exp2With, madd, maximum, tanh } from "../simd/math";
import {
  packRows, quantised, readKeys, readValues, rowAt, scoreFactor, TOUCHED_ROWS, weightFactor, weightsOf,
} from "./blocks";
import { hasBiases } from "./masks";
import { describeRows, highest, lowest } from "./rows";
import { scaledLate, softmaxFactor } from "./scores";
import { NO_MAXIMUM } from "./softmax";
import { closeRecord, finishSlice, joinBlock, recordOf, SPLIT_KEYS, splitsOf, startRecord } from "./splits";
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

/** Computes one tile; where it is the only split of its rows, their results too. */
export function decodeTile(P: AttentionParameters, W: Workspace, tile: i32): void {
  const splits = splitsOf(P);
  const slice = tile / splits;
  const b = slice / P.keyHeads;
  const keyHead = slice % P.keyHeads;
  const rows = P.groups * P.queryLength;
  const four = rows > 1;
  describeRows(P, W, itemOf(P, b), 0, rows, 0, keyHead * P.groups, P.groups, true);
  const record = recordOf(P, W, tile);
  startRecord(P, W, record);

  const from = (tile % splits) * SPLIT_KEYS;
  const begin = max(from, lowest(W.low, LANES));
  const end = min(from + SPLIT_KEYS, highest(W.high, LANES) + 1);
  const keys = P.key + <usize>keyHead * P.keyHead;
  const values = P.value + <usize>keyHead * P.valueHead;
  let block = blockFrom(P, from, begin);
  if (block < end) packRows(P, W, b, four);
  while (block < end) {
    const following = blockFrom(P, block + PAGE_KEYS, begin);
    // A quantised page is read from its start
    const first = quantised(P) || block < P.pinned ? block : max(block, begin);
    let n = min(block + PAGE_KEYS, end) - first;
    // Past the pinned keys nothing is seen before `begin`
    if (begin >= first + n) n = min(n, P.pinned - first);
    const key = rowAt(P, b, first, keys, P.keyBatch, P.keyRow);
    if (key) {
      const value = rowAt(P, b, first, values, P.valueBatch, P.valueRow);
      const next = following + TOUCHED_ROWS <= end ? rowAt(P, b, following, keys, P.keyBatch, P.keyRow) : 0;
      readKeys(P, W, four, key, n, n >= TOUCHED_ROWS ? value : 0);
      scoresToWeights(P, W, four, first, n);
      readValues(P, W, four, value, n, next);
      joinBlock(P, W, record);
    }
    block = following;
  }
  closeRecord(P, W, record);
  if (splits == 1) finishSlice(P, W, b, record, 1);
}

// @ts-ignore: decorator
@inline
export function itemOf(P: AttentionParameters, b: i32): BatchItem {
  return changetype<BatchItem>(P.items + <usize>b * offsetof<BatchItem>());
}

/** The first block from `block` on that holds a key which some row may see: pinned ones, then those from `begin` on. */
// @ts-ignore: decorator
@inline
function blockFrom(P: AttentionParameters, block: i32, begin: i32): i32 {
  return block < P.pinned ? block : max(block, begin & ~(PAGE_KEYS - 1));
}

/**
 * Weights 2^(factor (s - m) - shift) of keys [first, first + n), from the products in W.scores; m and l of the rows move
 * on, and W.alpha rescales what came before.
 *
 * Scores of one row stand in its lanes, key by key; of four rows a vector holds those of one key. Either way a vector of
 * maxima, sums and bounds has a lane for each, and for one row the maximum of its four lanes is the row's.
 */
function scoresToWeights(P: AttentionParameters, W: Workspace, four: bool, first: i32, n: i32): void {
  const late = scaledLate(P, false);
  const scale = f32x4.splat(scoreFactor(P) * (late ? 1 : P.scale));
  const cap = f32x4.splat(P.softcap);
  const low = v128.load(W.low);
  // Vectors are whole: what they hold past the last key is masked too
  const high = i32x4.min_s(v128.load(W.high), i32x4.splat(first + n - 1));
  const pinned = i32x4.splat(P.pinned);
  const forbidden = f32x4.splat(-Infinity);
  const scores = W.scores;
  const end = scores + (<usize>((n + 7) & ~7) << (four ? 4 : 2));
  const step = i32x4.splat(four ? 1 : 4);
  let key = i32x4.splat(first);
  if (!four) key = i32x4.add(key, i32x4(0, 1, 2, 3));
  let m = forbidden;
  for (let s = scores; s < end; s += 16) {
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
  const old = v128.load(W.rowMax);
  m = maximum(old, m);
  const alpha = exp2(f32x4.mul(f32x4.sub(old, m), factor), W.exp);
  v128.store(W.rowMax, m);
  v128.store(W.alpha, alpha);

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
  const splat = four && !quantised(P);
  let sum = f32x4.splat(0);
  let to = weightsOf(W);
  for (let s = scores; s < end; s += 16, to += 16) {
    const x = f32x4.mul(f32x4.sub(v128.load(s), m), factor);
    const p = exp2With(x, lowest, magic, c6, c5, c4, c3, c2, c1, one);
    sum = f32x4.add(sum, p);
    const w = f32x4.mul(p, weight);
    if (splat) {
      v128.store(to, v128.shuffle<f32>(w, w, 0, 0, 0, 0));
      v128.store(to, v128.shuffle<f32>(w, w, 1, 1, 1, 1), 16);
      v128.store(to, v128.shuffle<f32>(w, w, 2, 2, 2, 2), 32);
      v128.store(to, v128.shuffle<f32>(w, w, 3, 3, 3, 3), 48);
      to += 48;
    } else {
      v128.store(to, w);
    }
  }
  v128.store(W.rowSum, madd(v128.load(W.rowSum), alpha, sum));
}
