// Splits of one row's keys, and their merge: lse = log sum_s e^lse_s, output = sum_s e^(lse_s - lse) output_s
// (Dao et al. 2023, section 3.1), on unnormalised outputs. And the memory of a decoding tile.
//
// A slice is a batch item and a key head. Record: m, l and alpha f32 [4] each, outputs f32 [Dv / 8][2][rows][4] with rows 1
// or 4; of one row m and alpha are in every lane, l is the sum of the lanes. P.partials holds records
// [B * Hk][rows / rowsTogether][splits]; with one split they stand in the scratch memory of the tile.
// The scratch memory goes on behind the forward's with a unit for each record: the weights of a block, f32 [64] or
// [64][4], and the queries; then the records, and four rows of values.
import { AttentionParameters } from "../abi";
import { quantised } from "../cache/page";
import { exp2, madd, maximum } from "../simd/math";
import { channelsInPairs, paddedDim } from "./blocks";
import { decodes, describeFew } from "./decode";
import { finishRows } from "./forward";
import { transpose4 } from "./pack";
import { scaledLate, softmaxFactor } from "./scores";
import { NO_MAXIMUM } from "./softmax";
import { openWorkspace, Workspace } from "./workspace";

/** Keys of one tile: enough that records cost little beside them, few enough that long caches feed all threads. */
export const SPLIT_KEYS: i32 = 512;
/** Where alpha and the outputs stand in a record. */
export const ALPHA: usize = 32;
export const OUTPUTS: usize = 64;
/** Of a unit's weights. */
export const WEIGHT_BYTES: usize = 1024;

// @ts-ignore: decorator
@inline
export function splitsOf(P: AttentionParameters): i32 {
  return max(1, (P.keyLength + SPLIT_KEYS - 1) / SPLIT_KEYS);
}

/** Key heads of one tile. */
// @ts-ignore: decorator
@inline
export function headsTogether(P: AttentionParameters): i32 {
  return P.pages ? P.keyHeads : 1;
}

/** Tiles of one call. */
export function decodeTiles(P: AttentionParameters): i32 {
  return (P.batch * P.keyHeads / headsTogether(P)) * splitsOf(P);
}

/** Rows whose products share what they read: integer ones gain too little from that, and take one row at a time. */
export function rowsTogether(P: AttentionParameters): i32 {
  return quantised(P.keyDtype) ? 1 : P.groups * P.queryLength;
}

/** A multiple of 64: outputs are rescaled four vectors at a time. */
export function recordBytes(P: AttentionParameters): usize {
  return (OUTPUTS + <usize>(paddedDim(P, P.valueDim) << (rowsTogether(P) > 1 ? 4 : 2)) + 63) & ~63;
}

export function unitBytes(P: AttentionParameters): usize {
  return WEIGHT_BYTES + (<usize>paddedDim(P, P.headDim) << 4);
}

/** Records that so many slices have for each split. */
function countRecords(P: AttentionParameters, slices: i32): i32 {
  return (slices * P.groups * P.queryLength) / rowsTogether(P);
}

/** Bytes of P.partials; 0 where none are needed. */
export function attentionPartials(parameters: usize): usize {
  const P = changetype<AttentionParameters>(parameters);
  const splits = splitsOf(P);
  return splits == 1 || !decodes(P) ? 0 : <usize>(countRecords(P, P.batch * P.keyHeads) * splits) * recordBytes(P);
}

/** The records of slice s: of its first rows all splits, then of the next. */
export function recordsOf(P: AttentionParameters, W: Workspace, s: i32): usize {
  const splits = splitsOf(P);
  const heads = headsTogether(P);
  return splits > 1
    ? P.partials + <usize>(countRecords(P, s) * splits) * recordBytes(P)
    : W.end + <usize>countRecords(P, heads) * unitBytes(P) + <usize>countRecords(P, s % heads) * recordBytes(P);
}

/** Four rows of values. */
export function lastRows(P: AttentionParameters, W: Workspace): usize {
  return W.end + <usize>countRecords(P, headsTogether(P)) * (unitBytes(P) + recordBytes(P));
}

/** One past the scratch memory of a tile. */
export function decodeEnd(P: AttentionParameters, W: Workspace): usize {
  return lastRows(P, W) + (<usize>paddedDim(P, P.valueDim) << 4);
}

/** m = -max, l = 0, O = 0 */
export function startRecord(P: AttentionParameters, record: usize): void {
  memory.fill(record, 0, recordBytes(P));
  v128.store(record, f32x4.splat(NO_MAXIMUM));
}

/** Outputs = outputs * alpha, where a maximum moved. */
export function rescale(P: AttentionParameters, record: usize): void {
  if (!v128.any_true(f32x4.ne(v128.load(record + ALPHA), f32x4.splat(1)))) return;
  const alpha0 = v128.load_splat<f32>(record + ALPHA);
  const alpha1 = v128.load_splat<f32>(record + ALPHA + 4);
  const alpha2 = v128.load_splat<f32>(record + ALPHA + 8);
  const alpha3 = v128.load_splat<f32>(record + ALPHA + 12);
  const end = record + recordBytes(P);
  for (let at = record + OUTPUTS; at < end; at += 64) {
    v128.store(at, f32x4.mul(v128.load(at), alpha0));
    v128.store(at, f32x4.mul(v128.load(at, 16), alpha1), 16);
    v128.store(at, f32x4.mul(v128.load(at, 32), alpha2), 32);
    v128.store(at, f32x4.mul(v128.load(at, 48), alpha3), 48);
  }
}

/** Merges all splits of a call, whose tiles have been computed. */
export function attentionFinish(parameters: usize, scratch: usize): void {
  const P = changetype<AttentionParameters>(parameters);
  const W = openWorkspace(P, scratch);
  for (let s = 0; s < P.batch * P.keyHeads; s++) finishSlice(P, W, s);
}

/** Merges the splits of a slice, and writes its results. */
export function finishSlice(P: AttentionParameters, W: Workspace, s: i32): void {
  const n = rowsTogether(P);
  const step = <usize>splitsOf(P) * recordBytes(P);
  let record = recordsOf(P, W, s);
  for (let row = 0; row < P.groups * P.queryLength; row += n, record += step) {
    describeFew(P, W, s, row, n);
    mergeRecords(P, W, n, record, record + step);
    finishRows(P, W, s / P.keyHeads, n);
  }
}

/** Merges records [record, end) of n rows into the forward's columns, maxima and sums. */
function mergeRecords(P: AttentionParameters, W: Workspace, n: i32, record: usize, end: usize): void {
  const stride = recordBytes(P);
  let m = f32x4.splat(NO_MAXIMUM);
  for (let r = record; r < end; r += stride) m = maximum(m, v128.load(r));
  const factor = f32x4.splat(softmaxFactor(P, scaledLate(P, false)));
  let l = f32x4.splat(0);
  for (let r = record; r < end; r += stride) {
    const weight = exp2(f32x4.mul(f32x4.sub(v128.load(r), m), factor), W.exp);
    l = madd(v128.load(r, 16), weight, l);
    v128.store(r, weight);
  }
  if (n == 1) {
    l = f32x4.add(l, v128.shuffle<f32>(l, l, 2, 3, 0, 1));
    l = f32x4.add(l, v128.shuffle<f32>(l, l, 1, 0, 3, 2));
  }
  v128.store(W.rowMax, m);
  v128.store(W.rowSum, l);

  // Into the forward's columns, f32 [Dv][8]; one row stands in four lanes of each, as there
  const apart: usize = n > 1 ? 16 : 0;
  const next: usize = n > 1 ? 64 : 16;
  const pairs = channelsInPairs(P);
  const column: usize = pairs ? 64 : 32;
  const last = OUTPUTS + <usize>(paddedDim(P, P.valueDim) >> 2) * next;
  let to = W.outputs;
  for (let at = OUTPUTS; at < last; at += next) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    for (let r = record; r < end; r += stride) {
      a0 = weighed(a0, r, r + at);
      a1 = weighed(a1, r + 4, r + at + apart);
      a2 = weighed(a2, r + 8, r + at + 2 * apart);
      a3 = weighed(a3, r + 12, r + at + 3 * apart);
    }
    transpose4(a0, a1, a2, a3, to, to + column, to + 2 * column, to + 3 * column);
    // The odd channels after the even ones, or the next four
    to += !pairs ? 128 : (to - W.outputs) & 32 ? 224 : 32;
  }
}

/** acc + weight * x, but where the weight is 0 x is as if not there: infinite values that no key of this row has stay out. */
// @ts-ignore: decorator
@inline
function weighed(acc: v128, weight: usize, x: usize): v128 {
  const w = v128.load_splat<f32>(weight);
  return madd(v128.and(v128.load(x), f32x4.ne(w, f32x4.splat(0))), w, acc);
}
