// Records of some of a row's keys, and their merge: lse = log sum_s e^lse_s, output = sum_s e^(lse_s - lse) output_s
// (Dao et al. 2023, section 3.1), on unnormalised outputs. And the memory of a decoding tile.
//
// A slice is a batch item and a key head. Record: m and l f32 [4] each, outputs f32 [Dv / 4][rows][4] with rows 1 or 4; of one
// row m is in every lane, l is the sum of the lanes. P.partials holds records [B * Hk][rows / rowsTogether][splits]; with
// one split they stay in the scratch memory of the tile.
// The scratch memory goes on behind the forward's, for each record: all queries; all weights of a block, f32 [keys][1 or 4
// rows]; all records.
import { AttentionParameters, MASK_BLOCK } from "../abi";
import { quantised } from "../cache/page";
import { narrowRow } from "../simd/convert";
import { exp2, madd, maximum } from "../simd/math";
import { directHalves, paddedDim } from "./blocks";
import { sumOfLanes } from "./channels";
import { blockLength, decodes, describeFew } from "./decode";
import { joinSinks, writeRows } from "./forward";
import { scaledLate, softmaxFactor } from "./scores";
import { NO_MAXIMUM } from "./softmax";
import { openWorkspace, Workspace } from "./workspace";

/** Keys of one split at least and at most. */
const LEAST_KEYS: i32 = 512;
const MOST_KEYS: i32 = 4096;
/** Splits of all key heads together, where there are keys enough; of a cache, whose heads are read together, a quarter. */
const SPLITS: i32 = 16;
/** Where the outputs stand in a record. */
export const OUTPUTS: usize = 32;

/** Parts of so many keys. */
// @ts-ignore: decorator
@inline
function parts(keys: i32, each: i32): i32 {
  return (keys + each - 1) / each;
}

/** As few as feed some threads: where one ends, reading starts anew (docs/kernels.md). */
export function splitsOf(P: AttentionParameters): i32 {
  const wanted = parts(SPLITS, P.pages ? 4 : P.keyHeads);
  return max(1, max(parts(P.keyLength, MOST_KEYS), min(parts(P.keyLength, LEAST_KEYS), wanted)));
}

/** Keys of one split, whole blocks. */
export function splitKeys(P: AttentionParameters): i32 {
  return max(1, parts(P.keyLength, splitsOf(P) * MASK_BLOCK)) * MASK_BLOCK;
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

/** Rows whose products share what they read: of integers they gain too little from that, and take one row at a time. */
export function rowsTogether(P: AttentionParameters): i32 {
  return quantised(P.keyDtype) ? 1 : P.groups * P.queryLength;
}

/** Bytes of n f32 for each of 1 or 4 rows. */
function bytesOf(P: AttentionParameters, n: i32): usize {
  return <usize>n << (rowsTogether(P) > 1 ? 4 : 2);
}

export function recordBytes(P: AttentionParameters): usize {
  return OUTPUTS + bytesOf(P, paddedDim(P, P.valueDim));
}

/** Bytes of the queries of a record. */
export function queryBytes(P: AttentionParameters): usize {
  return bytesOf(P, paddedDim(P, P.headDim));
}

/** Bytes of the weights of a block. */
export function weightBytes(P: AttentionParameters): usize {
  return bytesOf(P, blockLength(P));
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

/** The records of a tile while it is computed, in the order of its slices and their rows. */
export function tileRecords(P: AttentionParameters, W: Workspace): usize {
  return W.end + <usize>countRecords(P, headsTogether(P)) * (queryBytes(P) + weightBytes(P));
}

/** The records of slice s: of its first rows all splits, then of the next. */
function recordsOf(P: AttentionParameters, W: Workspace, s: i32): usize {
  const splits = splitsOf(P);
  return splits > 1
    ? P.partials + <usize>(countRecords(P, s) * splits) * recordBytes(P)
    : tileRecords(P, W) + <usize>countRecords(P, s % headsTogether(P)) * recordBytes(P);
}

/** Keeps the records of a tile for the merge, or merges at once where no other tile has keys of its rows. */
export function finishTile(P: AttentionParameters, W: Workspace, slice: i32, split: i32): void {
  const splits = splitsOf(P);
  const heads = headsTogether(P);
  const bytes = recordBytes(P);
  let from = tileRecords(P, W);
  if (splits == 1) for (let s = slice; s < slice + heads; s++) finishSlice(P, W, s);
  else {
    let to = recordsOf(P, W, slice) + <usize>split * bytes;
    for (let n = countRecords(P, heads); n > 0; n--, from += bytes, to += <usize>splits * bytes) memory.copy(to, from, bytes);
  }
}

/** One past the scratch memory of a tile. */
export function decodeEnd(P: AttentionParameters, W: Workspace): usize {
  return tileRecords(P, W) + <usize>countRecords(P, headsTogether(P)) * recordBytes(P);
}

/** m = -max, l = 0, O = 0 */
export function startRecord(P: AttentionParameters, record: usize): void {
  memory.fill(record, 0, recordBytes(P));
  v128.store(record, f32x4.splat(NO_MAXIMUM));
}

/** A record goes on to a maximum of at least `highest`, which is returned. */
export function raise(P: AttentionParameters, W: Workspace, record: usize, highest: v128): v128 {
  const old = v128.load(record);
  const m = maximum(old, highest);
  if (!v128.any_true(f32x4.ne(old, m))) return m;
  const factor = f32x4.splat(softmaxFactor(P, scaledLate(P, false)));
  const alpha = exp2(f32x4.mul(f32x4.sub(old, m), factor), W.exp);
  v128.store(record, m);
  v128.store(record, f32x4.mul(v128.load(record, 16), alpha), 16);
  v128.store(W.alpha, alpha);
  const step = bytesOf(P, 4);
  const end = record + recordBytes(P);
  for (let r: usize = 0; r < step; r += 16) {
    const a = v128.load_splat<f32>(W.alpha + (r >> 2));
    // Where the weight is 0, infinite values stay out
    const seen = f32x4.ne(a, f32x4.splat(0));
    for (let to = record + OUTPUTS + r; to < end; to += step) v128.store(to, f32x4.mul(v128.and(v128.load(to), seen), a));
  }
  return m;
}

/** Takes another record's keys into `record`. */
function combine(P: AttentionParameters, W: Workspace, record: usize, other: usize): void {
  const m = v128.load(other);
  const factor = f32x4.splat(softmaxFactor(P, scaledLate(P, false)));
  const beta = exp2(f32x4.mul(f32x4.sub(m, raise(P, W, record, m)), factor), W.exp);
  v128.store(record, madd(v128.load(other, 16), beta, v128.load(record, 16)), 16);
  v128.store(W.alpha, beta);
  const step = bytesOf(P, 4);
  const end = record + recordBytes(P);
  for (let r: usize = 0; r < step; r += 16) {
    const b = v128.load_splat<f32>(W.alpha + (r >> 2));
    const seen = f32x4.ne(b, f32x4.splat(0));
    let from = other + OUTPUTS + r;
    for (let to = record + OUTPUTS + r; to < end; to += step, from += step) {
      v128.store(to, madd(v128.and(v128.load(from), seen), b, v128.load(to)));
    }
  }
}

/** Merges all splits of a call, whose tiles have been computed. */
export function attentionFinish(parameters: usize, scratch: usize): void {
  const P = changetype<AttentionParameters>(parameters);
  const W = openWorkspace(P, scratch);
  for (let s = 0; s < P.batch * P.keyHeads; s++) finishSlice(P, W, s);
}

/** Merges the splits of a slice, and writes its results. */
function finishSlice(P: AttentionParameters, W: Workspace, s: i32): void {
  const n = rowsTogether(P);
  const splits = splitsOf(P);
  let at = recordsOf(P, W, s);
  for (let row = 0; row < P.groups * P.queryLength; row += n) {
    const record = at;
    at += recordBytes(P);
    for (let split = 1; split < splits; split++, at += recordBytes(P)) combine(P, W, record, at);
    describeFew(P, W, s, row, n);
    finishRecord(P, W, s / P.keyHeads, n, record);
  }
}

/** Divides by l and writes outputs and lse of the n rows of the row table. */
function finishRecord(P: AttentionParameters, W: Workspace, b: i32, n: i32, record: usize): void {
  let l = v128.load(record, 16);
  if (n == 1) l = sumOfLanes(l);
  v128.store(W.rowMax, v128.load(record));
  v128.store(W.rowSum, l);
  let factor = f32x4.splat(1);
  if (P.sinks) factor = joinSinks(P, W, 0);
  l = v128.load(W.rowSum);
  v128.store(W.alpha, f32x4.div(factor, l));
  // Rows that saw no key are zero whatever the values hold
  v128.store(W.alpha, f32x4.ne(l, f32x4.splat(0)), 16);
  const step = bytesOf(P, 8);
  const end = record + recordBytes(P);
  for (let r: usize = 0; r < <usize>n << 2; r += 4) {
    const scale = v128.load_splat<f32>(W.alpha + r);
    const alive = v128.load_splat<f32>(W.alpha + r, 16);
    let to = W.outputs;
    for (let at = record + OUTPUTS + (r << 2); at < end; at += step, to += 32) {
      const x = v128.and(f32x4.mul(v128.load(at), scale), alive);
      const y = v128.and(f32x4.mul(v128.load(at + (step >> 1)), scale), alive);
      const pairs = directHalves(P);
      v128.store(to, pairs ? v128.shuffle<f32>(x, y, 0, 4, 1, 5) : x);
      v128.store(to, pairs ? v128.shuffle<f32>(x, y, 2, 6, 3, 7) : y, 16);
    }
    narrowRow(
      W.outputs,
      P.output + <usize>b * P.outputBatch + <usize>load<i32>(W.head + r) * P.outputHead
        + <usize>load<i32>(W.queryIndex + r) * P.outputRow,
      P.valueDim, P.dtype,
    );
  }
  if (P.lse) writeRows(P, W, b, n);
}
