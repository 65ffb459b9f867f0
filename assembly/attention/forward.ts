// Fused attention: output = softmax(steps(similarity(Q, K))) V without ever holding more than one tile of scores.
//
// Source: Dao et al. 2022 (FlashAttention), algorithm 1; the partition into tiles of 64 queries follows the shapes only.
// Contract: parameters are valid (the host checked them); any thread may run any tile, each with its own scratch memory.
import { AttentionParameters, BatchItem, LANES, STAGE_MASKED, TILE_ROWS } from "../abi";
import { pagePresent } from "../cache/page";
import { exp2, LN2, log, madd, maximum } from "../simd/math";
import { decodes, decodeTile } from "./decode";
import { GATHERED, gatherBiases, hasBiases, NOTHING_SEEN } from "./masks";
import { keyBlock, keyStride, packQueries, unpackOutputs, valueBlock, valueStride } from "./pack";
import { accumulateValues } from "./products";
import { blockKeys, describeRows, firstBlock, firstKey, highest, lastKey, lowest, nextBlock, wordsAt } from "./rows";
import { applyIntervals, applySteps, rawScores, scaledLate, softmaxFactor } from "./scores";
import { largest, NO_MAXIMUM, onlineSoftmax } from "./softmax";
import { decodeEnd, decodeTiles } from "./splits";
import { layOut, openWorkspace, paddedValueDim, Workspace } from "./workspace";

/** Tiles of one call: B * Hk * ceil(G * Sq / 64), or as many as decoding few queries has. */
export function attentionTiles(parameters: usize): i32 {
  const P = changetype<AttentionParameters>(parameters);
  return decodes(P) ? decodeTiles(P) : P.batch * P.keyHeads * tilesPerKeyHead(P);
}

/** Bytes of scratch memory each thread needs; writes a WORKSPACE_HEADER at `scratch` on the way. */
export function attentionScratch(parameters: usize, scratch: usize): usize {
  const P = changetype<AttentionParameters>(parameters);
  const W = layOut(P, scratch);
  return (decodes(P) ? decodeEnd(P, W) : W.end) - scratch;
}

// @ts-ignore: decorator
@inline
function tilesPerKeyHead(P: AttentionParameters): i32 {
  return (P.groups * P.queryLength + TILE_ROWS - 1) / TILE_ROWS;
}

/** Computes tiles [first, last). */
export function attentionForward(parameters: usize, first: i32, last: i32, scratch: usize): void {
  const P = changetype<AttentionParameters>(parameters);
  const W = openWorkspace(P, scratch);
  if (decodes(P)) {
    for (let tile = first; tile < last; tile++) decodeTile(P, W, tile);
    return;
  }
  const tiles = tilesPerKeyHead(P);
  const rows = P.groups * P.queryLength;
  for (let tile = first; tile < last; tile++) {
    const row0 = (tile % tiles) * TILE_ROWS;
    const slice = tile / tiles;
    const keyHead = slice % P.keyHeads;
    // Tiles of one batch item with all rows differ in their heads only
    const moved = tiles == 1 && keyHead > 0 && tile > first;
    forwardTile(P, W, slice / P.keyHeads, keyHead, row0, min(TILE_ROWS, rows - row0), moved);
  }
}

/** @param moved whether the rows described last are those of the key head before */
function forwardTile(
  P: AttentionParameters, W: Workspace, b: i32, keyHead: i32, row0: i32, n: i32, moved: bool,
): void {
  const item = changetype<BatchItem>(P.items + <usize>b * offsetof<BatchItem>());
  const lanes = (n + LANES - 1) & ~(LANES - 1);
  if (moved) nextHeads(P, W, lanes);
  else describeRows(P, W, item, row0, n, 0, keyHead * P.groups, P.groups, true);
  startRows(P, W, lanes);

  const begin = lowest(W.low, lanes);
  const end = highest(W.high, lanes) + 1;
  const alike = highest(W.low, lanes) == begin && lowest(W.high, lanes) == end - 1;
  if (begin < end) {
    packQueries(P, W, b, lanes);
    const step = blockKeys(P);
    for (let block = firstBlock(P, begin, step); block < end; block = nextBlock(P, block, begin, step)) {
      if (!pagePresent(P, b, block)) continue;
      visitBlock(P, W, item, b, keyHead, lanes, firstKey(P, block, begin), min(block + step, end), alike);
    }
  }
  finishRows(P, W, b, n);
}

/** The rows of the next key head. */
function nextHeads(P: AttentionParameters, W: Workspace, lanes: i32): void {
  const groups = i32x4.splat(P.groups);
  for (let at = W.head, end = at + (<usize>lanes << 2); at < end; at += 16) {
    v128.store(at, i32x4.add(v128.load(at), groups));
  }
}

/** m = -max, l = 0, O = 0 */
function startRows(P: AttentionParameters, W: Workspace, lanes: i32): void {
  const m = f32x4.splat(NO_MAXIMUM);
  const zero = f32x4.splat(0);
  for (let r = 0; r < lanes; r += 4) {
    v128.store(W.rowMax + (<usize>r << 2), m);
    v128.store(W.rowSum + (<usize>r << 2), zero);
  }
  memory.fill(W.outputs, 0, <usize>(lanes * paddedValueDim(P)) << 2);
}

/**
 * All lane groups of the tile against keys [begin, end).
 * @param alike whether all rows may see the same keys
 */
function visitBlock(
  P: AttentionParameters, W: Workspace, item: BatchItem, b: i32, keyHead: i32, lanes: i32, begin: i32, end: i32,
  alike: bool,
): void {
  const biased = hasBiases(P);
  const late = scaledLate(P, biased);
  const factor = softmaxFactor(P, late);
  const Dv = paddedValueDim(P);
  const kStride = keyStride(P);
  const vStride = valueStride(P);
  let key: usize = 0;
  let value: usize = 0;

  for (let r = 0; r < lanes; r += LANES) {
    const low = W.low + (<usize>r << 2);
    const high = W.high + (<usize>r << 2);
    let from = begin;
    let to = end;
    let cut = false;
    if (!alike || P.pinned > 0) {
      const lowestLow = lowest(low, LANES);
      from = firstKey(P, begin, lowestLow);
      to = lastKey(P, from, min(end, highest(high, LANES) + 1), lowestLow);
      if (from >= to) continue;
      cut = highest(low, LANES) > from || lowest(high, LANES) < to - 1;
    }
    let biases: usize = 0;
    if (biased) {
      const seen = gatherBiases(P, W, item, b, keyHead, r, from, to);
      if (seen == NOTHING_SEEN) continue;
      if (seen == GATHERED) biases = W.biases;
    }
    // Read only once some query needs it
    if (!key) {
      key = keyBlock(P, W, b, keyHead, begin, end);
      value = valueBlock(P, W, b, keyHead, begin, end);
    }

    const count = to - from;
    const skipped = <usize>(from - begin);
    rawScores(P, W, key + skipped * kStride, kStride, count, W.queries + (<usize>(r * P.headDim) << 2));
    if (!late) applySteps(P, W, count, W.keyNorms + (skipped << 2), biases, STAGE_MASKED);
    if (cut) applyIntervals(P, W, from, count, low, high);
    // A plain product has told the largest score already
    if (cut || !late) largest(W.scores, count, W.alpha);
    onlineSoftmax(
      W.scores, count, factor, W.exp, W.expShifted, W.rowMax + (<usize>r << 2), W.rowSum + (<usize>r << 2),
      W.alpha,
    );
    // What was in W.biases is in the probabilities by now
    accumulateValues(
      value + skipped * vStride, vStride, count, W.scores, W.outputs + (<usize>(r * Dv) << 2), Dv, W.alpha, W.biases,
    );
  }
}

/** One more logit, with no value, joins rows r .. r + 3; returns what the outputs are rescaled by. */
export function joinSinks(P: AttentionParameters, W: Workspace, r: i32): v128 {
  const at = <usize>r << 2;
  const sink = wordsAt(P.sinks, W.head + at);
  const factor = f32x4.splat(softmaxFactor(P, false));
  const old = v128.load(W.rowMax + at);
  const l = v128.load(W.rowSum + at);
  const m = maximum(old, sink);
  const alpha = exp2(f32x4.mul(f32x4.sub(old, m), factor), W.exp);
  const joined = madd(l, alpha, exp2(f32x4.mul(f32x4.sub(sink, m), factor), W.expShifted));
  // A row that saw no key stays one: zeros, lse -Infinity
  const dead = f32x4.eq(l, f32x4.splat(0));
  v128.store(W.rowMax + at, m);
  v128.store(W.rowSum + at, v128.andnot(joined, dead));
  return alpha;
}

/** Divides by l and writes outputs, lse and the statistics that the weights are recomputed from. */
function finishRows(P: AttentionParameters, W: Workspace, b: i32, n: i32): void {
  const Dv = paddedValueDim(P);
  const zero = f32x4.splat(0);
  for (let r = 0; r < n; r += 4) {
    let factor = f32x4.splat(1);
    if (P.sinks) factor = joinSinks(P, W, r);
    const l = v128.load(W.rowSum + (<usize>r << 2));
    const columns = W.outputs + (<usize>((r & ~7) * Dv + (r & 4)) << 2);
    unpackOutputs(P, W, b, r, n, columns, f32x4.div(factor, l), f32x4.eq(l, zero));
  }
  if (P.lse || P.rowMax) writeRows(P, W, b, n);
}

export function writeRows(P: AttentionParameters, W: Workspace, b: i32, n: i32): void {
  const H = P.keyHeads * P.groups;
  const scale: f64 = scaledLate(P, hasBiases(P)) ? P.scale : 1;
  for (let r = 0; r < n; r++) {
    const at = <usize>r << 2;
    const to = <usize>((b * H + load<i32>(W.head + at)) * P.queryLength + load<i32>(W.queryIndex + at)) << 2;
    const m = load<f32>(W.rowMax + at);
    const l = load<f32>(W.rowSum + at);
    if (P.rowMax) {
      store<f32>(P.rowMax + to, m);
      store<f32>(P.rowSum + to, l);
    }
    if (P.lse) {
      // l == 0: no key; l may be NaN, which the logarithm would not keep
      let lse: f32 = -Infinity;
      if (l > 0) lse = <f32>(<f64>m * scale + <f64>P.shift * LN2 + log(<f64>l));
      else if (l != l) lse = NaN;
      store<f32>(P.lse + to, lse);
    }
  }
}
