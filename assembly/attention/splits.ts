// Splits of one row's keys, and their merge: lse = log sum_s e^lse_s, output = sum_s e^(lse_s - lse) output_s
// (Dao et al. 2023, section 3.1), on unnormalised outputs.
//
// Record of one tile: m f32 [4], l f32 [4] (one row: in every lane), outputs f32 [Dv / 8][2][rows][4] with rows 1 or 4.
import { AttentionParameters, DTYPE_FLOAT32, LANES } from "../abi";
import { elementShift, narrowRow } from "../simd/convert";
import { exp2, madd, maximum } from "../simd/math";
import { channelsInPairs, paddedValues } from "./blocks";
import { decodes, itemOf } from "./decode";
import { joinSinks, writeRows } from "./forward";
import { describeRows } from "./rows";
import { scaledLate, softmaxFactor } from "./scores";
import { NO_MAXIMUM } from "./softmax";
import { openWorkspace, Workspace } from "./workspace";

/** Keys of one tile: enough that a record costs little beside them, few enough that long caches feed all threads. */
export const SPLIT_KEYS: i32 = 1024;
/** Bytes of m and l. */
const RECORD_HEADER: usize = 32;

// @ts-ignore: decorator
@inline
export function splitsOf(P: AttentionParameters): i32 {
  return max(1, (P.keyLength + SPLIT_KEYS - 1) / SPLIT_KEYS);
}

/** Bytes of a record's outputs: a multiple of 64, so that they are joined four vectors at a time. */
function outputBytes(P: AttentionParameters): usize {
  const rows = P.groups * P.queryLength > 1 ? 4 : 1;
  return (<usize>(paddedValues(P) * rows << 2) + 63) & ~63;
}

/** Bytes of P.partials; 0 where none are needed. */
export function attentionPartials(parameters: usize): usize {
  const P = changetype<AttentionParameters>(parameters);
  const splits = splitsOf(P);
  if (splits == 1 || !decodes(P)) return 0;
  return <usize>(P.batch * P.keyHeads * splits) * (RECORD_HEADER + outputBytes(P));
}

export function recordOf(P: AttentionParameters, W: Workspace, tile: i32): usize {
  return splitsOf(P) == 1 ? W.outputs : P.partials + <usize>tile * (RECORD_HEADER + outputBytes(P));
}

/** Outputs of one block of keys, in the layout of a record's, and behind them what is free. */
export function blockOutputs(P: AttentionParameters, W: Workspace): usize {
  return W.outputs + RECORD_HEADER + outputBytes(P);
}
export function freeOutputs(P: AttentionParameters, W: Workspace): usize {
  return blockOutputs(P, W) + outputBytes(P);
}

/** m = -max, l = 0, O = 0 */
export function startRecord(P: AttentionParameters, W: Workspace, record: usize): void {
  v128.store(W.rowMax, f32x4.splat(NO_MAXIMUM));
  v128.store(W.rowSum, f32x4.splat(0));
  memory.fill(record, 0, RECORD_HEADER + outputBytes(P));
}

/**
 * Outputs = outputs * alpha + those of the block, which were summed on their own: less rounding over long sequences.
 * alpha f32 [4]: of each row, or one row's in every lane.
 */
export function joinBlock(P: AttentionParameters, W: Workspace, record: usize): void {
  const alpha0 = v128.load_splat<f32>(W.alpha);
  const alpha1 = v128.load_splat<f32>(W.alpha, 4);
  const alpha2 = v128.load_splat<f32>(W.alpha, 8);
  const alpha3 = v128.load_splat<f32>(W.alpha, 12);
  let from = blockOutputs(P, W);
  let to = record + RECORD_HEADER;
  for (const end = to + outputBytes(P); to < end; to += 64, from += 64) {
    v128.store(to, madd(v128.load(to), alpha0, v128.load(from)));
    v128.store(to, madd(v128.load(to, 16), alpha1, v128.load(from, 16)), 16);
    v128.store(to, madd(v128.load(to, 32), alpha2, v128.load(from, 32)), 32);
    v128.store(to, madd(v128.load(to, 48), alpha3, v128.load(from, 48)), 48);
  }
}

/** Writes m and l; the lanes of one row's sum are added up. */
export function closeRecord(P: AttentionParameters, W: Workspace, record: usize): void {
  let l = v128.load(W.rowSum);
  if (P.groups * P.queryLength == 1) {
    l = f32x4.add(l, v128.shuffle<f32>(l, l, 2, 3, 0, 1));
    l = f32x4.add(l, v128.shuffle<f32>(l, l, 1, 0, 3, 2));
  }
  v128.store(record, v128.load(W.rowMax));
  v128.store(record, l, 16);
}

/** Merges all splits of a call; tiles have been computed. */
export function attentionFinish(parameters: usize, scratch: usize): void {
  const P = changetype<AttentionParameters>(parameters);
  const W = openWorkspace(P, scratch);
  const splits = splitsOf(P);
  for (let slice = 0; slice < P.batch * P.keyHeads; slice++) {
    const b = slice / P.keyHeads;
    const head = (slice % P.keyHeads) * P.groups;
    describeRows(P, W, itemOf(P, b), 0, P.groups * P.queryLength, 0, head, P.groups, true);
    finishSlice(P, W, b, recordOf(P, W, slice * splits), splits);
  }
}

/** Writes results of the rows described in W from their splits, whose records follow each other. */
export function finishSlice(P: AttentionParameters, W: Workspace, b: i32, record: usize, splits: i32): void {
  const stride = RECORD_HEADER + outputBytes(P);
  const end = record + <usize>splits * stride;
  let m = f32x4.splat(NO_MAXIMUM);
  for (let r = record; r < end; r += stride) m = maximum(m, v128.load(r));
  const factor = f32x4.splat(softmaxFactor(P, scaledLate(P, false)));
  let l = f32x4.splat(0);
  for (let r = record; r < end; r += stride) {
    const weight = exp2(f32x4.mul(f32x4.sub(v128.load(r), m), factor), W.exp);
    l = madd(v128.load(r, 16), weight, l);
    v128.store(r, weight);
  }
  v128.store(W.rowMax, m);
  v128.store(W.rowSum, l);
  const alpha = P.sinks ? joinSinks(P, W, 0) : f32x4.splat(1);
  l = v128.load(W.rowSum);
  // A row without keys is zero whatever the values hold
  v128.store(W.alpha, f32x4.div(alpha, l));
  v128.store(W.alpha, f32x4.ne(l, f32x4.splat(0)), 16);

  const rows = P.groups * P.queryLength;
  const output = P.output + <usize>b * P.outputBatch;
  for (let row = 0; row < rows; row++) {
    const at = <usize>row << 2;
    writeOutput(
      P, W, row, record, end, stride,
      output + <usize>load<i32>(W.head + at) * P.outputHead + <usize>load<i32>(W.queryIndex + at) * P.outputRow,
    );
  }
  if (P.lse || P.rowMax) writeRows(P, W, b, rows);
}

/** to P.dtype [Dv] = sum over splits of weight * outputs, times the row's factor. */
function writeOutput(
  P: AttentionParameters, W: Workspace, row: i32, record: usize, end: usize, stride: usize, to: usize,
): void {
  const lane = <usize>row << 2;
  const half: usize = P.groups * P.queryLength > 1 ? 64 : 16;
  const factor = v128.load_splat<f32>(W.alpha + lane);
  const alive = v128.load_splat<i32>(W.alpha + lane, 16);
  const pairs = channelsInPairs(P);
  let at = RECORD_HEADER + (<usize>row << 4);
  for (let c = 0; c < P.valueDim; c += 8, at += half << 1) {
    let first = f32x4.splat(0);
    let second = first;
    for (let r = record; r < end; r += stride) {
      // As exact as not to look at it, and infinite values that this row does not see stay out
      if (load<f32>(r + lane) == 0) continue;
      const weight = v128.load_splat<f32>(r + lane);
      first = madd(v128.load(r + at), weight, first);
      second = madd(v128.load(r + at + half), weight, second);
    }
    first = v128.and(f32x4.mul(first, factor), alive);
    second = v128.and(f32x4.mul(second, factor), alive);
    if (pairs) {
      const even = first;
      first = v128.shuffle<f32>(even, second, 0, 4, 1, 5);
      second = v128.shuffle<f32>(even, second, 2, 6, 3, 7);
    }
    const channel = to + (<usize>c << elementShift(P.dtype));
    const whole = P.dtype == DTYPE_FLOAT32 && c + 8 <= P.valueDim;
    const staging = whole ? channel : W.scores;
    v128.store(staging, first);
    v128.store(staging, second, 16);
    if (!whole) narrowRow(staging, channel, min(8, P.valueDim - c), P.dtype);
  }
}
