// Scores and softmax weights of chosen queries and heads, recomputed tile by tile from the maximum and sum of each row
// that the forward kept: the only kernel that writes a matrix of queries by keys, and only the part that was asked for.
import { AttentionParameters, BatchItem, LANES, STAGE_MASKED, STAGE_STATISTICS, STAGE_WEIGHTS, TILE_ROWS } from "../abi";
import { pagePresent } from "../cache/page";
import { exp2 } from "../simd/math";
import { GATHERED, gatherBiases, hasBiases, NOTHING_SEEN } from "./masks";
import { keyBlock, keyStride, packQueries } from "./pack";
import { blockKeys, describeRows, firstBlock, firstKey, highest, lowest, nextBlock } from "./rows";
import { applyIntervals, applySteps, rawScores, scaledLate, softmaxFactor } from "./scores";
import { finishRows, observe, rowOf, startHead, startRows } from "./statistics";
import { openWorkspace, Workspace } from "./workspace";

/** Tiles of one call: B * chosen heads * ceil(chosen rows / 64), or B * H for statistics, which sum over rows. */
export function weightTiles(parameters: usize): i32 {
  const P = changetype<AttentionParameters>(parameters);
  return P.batch * P.headCount * tilesPerHead(P);
}

// @ts-ignore: decorator
@inline
function tilesPerHead(P: AttentionParameters): i32 {
  return P.stage == STAGE_STATISTICS ? 1 : (P.rowCount + TILE_ROWS - 1) / TILE_ROWS;
}

/** P.weights f32 [B, headCount, rowCount, Sk] = the scores after P.stage, or statistics of them; tiles [first, last). */
export function attentionWeights(parameters: usize, first: i32, last: i32, scratch: usize): void {
  const P = changetype<AttentionParameters>(parameters);
  const W = openWorkspace(P, scratch);
  const tiles = tilesPerHead(P);
  for (let tile = first; tile < last; tile++) {
    const slice = tile / tiles;
    let row0 = (tile % tiles) * TILE_ROWS;
    let end = row0 + 1;
    if (P.stage == STAGE_STATISTICS) {
      startHead(P, slice);
      end = P.rowCount;
    }
    for (; row0 < end; row0 += TILE_ROWS) {
      weightTile(P, W, slice / P.headCount, slice % P.headCount, row0, min(TILE_ROWS, P.rowCount - row0));
    }
  }
}

function weightTile(P: AttentionParameters, W: Workspace, b: i32, slot: i32, row0: i32, n: i32): void {
  const item = changetype<BatchItem>(P.items + <usize>b * offsetof<BatchItem>());
  const head = P.heads ? load<i32>(P.heads + (<usize>slot << 2)) : slot;
  const keyHead = head / P.groups;
  const lanes = (n + LANES - 1) & ~(LANES - 1);
  const masked = P.stage >= STAGE_MASKED;
  const biased = masked && hasBiases(P);
  const counting = P.stage == STAGE_STATISTICS;
  // As in the forward, to the bit
  const late = P.stage >= STAGE_WEIGHTS && scaledLate(P, biased);
  describeRows(P, W, item, row0, n, P.rows, head, 1, masked);
  packQueries(P, W, b, lanes);

  const rowBytes = <usize>P.keyLength << 2;
  const output = P.weights + ((<usize>b * P.headCount + slot) * P.rowCount + row0) * rowBytes;
  if (counting) startRows(P, W, b, n);
  else if (masked) fill(output, <usize>n * rowBytes, P.stage == STAGE_WEIGHTS ? 0 : -Infinity);

  const begin = lowest(W.low, lanes);
  const end = highest(W.high, lanes) + 1;
  const step = blockKeys(P);
  const stride = keyStride(P);
  for (let block = firstBlock(P, begin, step); block < end; block = nextBlock(P, block, begin, step)) {
    if (!pagePresent(P, b, block)) continue;
    const from = firstKey(P, block, begin);
    const to = min(block + step, end);
    const key = keyBlock(P, W, b, keyHead, from, to);
    for (let r = 0; r < lanes; r += LANES) {
      // What lies beyond all of these rows was filled before
      const count = min(to, highest(W.high + (<usize>r << 2), LANES) + 1) - from;
      if (count <= 0) continue;
      let biases: usize = 0;
      if (biased) {
        const seen = gatherBiases(P, W, item, b, keyHead, r, from, from + count);
        if (seen == NOTHING_SEEN) continue;
        if (seen == GATHERED) biases = W.biases;
      }
      rawScores(P, W, key, stride, count, W.queries + (<usize>(r * P.headDim) << 2));
      if (!late) applySteps(P, W, count, W.keyNorms, biases, P.stage);
      if (masked) applyIntervals(P, W, from, count, W.low + (<usize>r << 2), W.high + (<usize>r << 2));
      if (P.stage >= STAGE_WEIGHTS) normalise(P, W, b, r, count, softmaxFactor(P, late));
      if (counting) {
        observe(P, W, item, b, r, n, from, count);
        continue;
      }
      const rows = min(LANES, n - r);
      for (let k = 0; k < rows; k++) {
        let s = W.scores + (<usize>k << 2);
        let to = output + <usize>(r + k) * rowBytes + (<usize>from << 2);
        for (let j = 0; j < count; j++, s += 32, to += 4) store<f32>(to, load<f32>(s));
      }
    }
  }
  if (counting) finishRows(P, W, b, n);
}

function fill(to: usize, bytes: usize, x: f32): void {
  const end = to + bytes;
  for (; to < end; to += 4) store<f32>(to, x);
}

/** scores [n][8] become 2^x / l with x = factor (s - m) of the rows from r on; x goes to W.biases, for statistics. */
function normalise(P: AttentionParameters, W: Workspace, b: i32, r: i32, n: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  const exponents = W.biases - W.scores;
  for (let k = 0; k < LANES; k++) {
    const from = rowOf(P, W, b, r + k) << 2;
    store<f32>(W.rowMax + (<usize>k << 2), load<f32>(P.rowMax + from));
    store<f32>(W.rowSum + (<usize>k << 2), load<f32>(P.rowSum + from));
  }
  const zero = f32x4.splat(0);
  for (let half: usize = 0; half < 32; half += 16) {
    const m = v128.load(W.rowMax + half);
    const l = v128.load(W.rowSum + half);
    // A row without any key has l = 0 and weighs nothing
    const dead = f32x4.eq(l, zero);
    const end = W.scores + (<usize>n << 5);
    for (let s = W.scores + half; s < end; s += 32) {
      const x = f32x4.mul(f32x4.sub(v128.load(s), m), factor);
      v128.store(s + exponents, x);
      v128.store(s, v128.andnot(f32x4.div(exp2(x, W.expShifted), l), dead));
    }
  }
}
