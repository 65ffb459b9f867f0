// One block of keys or values of a decoding tile, whatever type it has and wherever it lies: which product reads it.
// float32, finite float16, bfloat16, int8 and int4 are read as they lie, other halves as the forward widens them.
import { AttentionParameters, CACHE_GROUP, DTYPE_BFLOAT16, DTYPE_FLOAT16, DTYPE_INT4, PAGE_KEYS } from "../abi";
import { groupBytes, quantised, SCALE_BYTES } from "../cache/page";
import { elementShift, widenRow } from "../simd/convert";
import { scoreRow, scoreRows, sumRow, sumRows } from "./channels";
import { Brain, Half, HALF_BIAS, HALF_BIAS_ROOT, scoreHalfRows, scoreHalves, sumHalfRows, sumHalves } from "./halves";
import { firstRow, keyBlock, valueBlock } from "./pack";
import { quantise, scoreGroup, sumGroup, unpackNibbles } from "./quantised";
import { OUTPUTS, rowsTogether } from "./splits";
import { keysInPlace, Workspace } from "./workspace";

/** Channels of a row in memory. */
export function paddedDim(P: AttentionParameters, n: i32): i32 {
  const last = quantised(P.keyDtype) ? CACHE_GROUP - 1 : 7;
  return (n + last) & ~last;
}

/** Whether 16-bit floats are read as they lie, vectors holding the even and the odd ones of 8 channels. */
export function directHalves(P: AttentionParameters): bool {
  const finite = P.keyDtype == DTYPE_FLOAT16 && P.finite != 0;
  return (finite || P.keyDtype == DTYPE_BFLOAT16) && ((P.headDim | P.valueDim) & 15) == 0;
}

/** What queries, and then scores, are multiplied by. */
function keyBias(P: AttentionParameters): f32 {
  return P.keyDtype == DTYPE_FLOAT16 ? HALF_BIAS_ROOT : 1;
}

function halfKeys<T>(P: AttentionParameters, W: Workspace, query: usize): void {
  const one = elementShift(P.keyDtype);
  const bias = keyBias(P);
  if (rowsTogether(P) > 1) {
    scoreHalfRows<T>(query, W.rows, W.far, W.stride, W.half, W.count, P.headDim, W.scores, one, bias);
  } else scoreHalves<T>(query, W.rows, W.far, W.stride, W.half, W.count, P.headDim, W.scores, one, bias);
}

function halfValues<T>(P: AttentionParameters, W: Workspace, outputs: usize): void {
  const one = elementShift(P.keyDtype);
  const bias: f32 = P.keyDtype == DTYPE_FLOAT16 ? HALF_BIAS : 1;
  if (rowsTogether(P) > 1) {
    sumHalfRows<T>(W.rows, W.far, W.stride, W.half, W.count, P.valueDim, W.scores, outputs, one, bias);
  } else sumHalves<T>(W.rows, W.far, W.stride, W.half, W.count, P.valueDim, W.scores, outputs, one, bias);
}

/** Whether keys and values are read as they lie, and not widened. */
export function direct(P: AttentionParameters): bool {
  return keysInPlace(P) || directHalves(P) || quantised(P.keyDtype);
}

/** Address of keys, or values, [first, last) of one head as the products read them. */
function rowsAt(P: AttentionParameters, W: Workspace, b: i32, head: i32, first: i32, last: i32, values: bool): usize {
  if (!direct(P)) return values ? valueBlock(P, W, b, head, first, last) : keyBlock(P, W, b, head, first, last);
  return values
    ? firstRow(P, b, first, P.value + <usize>head * P.valueHead, P.valueBatch, P.valueRow)
    : firstRow(P, b, first, P.key + <usize>head * P.keyHead, P.keyBatch, P.keyRow);
}

/** Keys, or values, [first, last) of one head, in one piece or in two pages, are what is read next. */
export function openBlock(
  P: AttentionParameters, W: Workspace, b: i32, head: i32, first: i32, last: i32, values: bool,
): void {
  const n = last - first;
  const pages = P.pages != 0 && n > PAGE_KEYS;
  const half = pages ? PAGE_KEYS : (n + 1) >> 1;
  const widened = <usize>(values ? P.valueDim : P.headDim) << 2;
  const stride = !direct(P) ? widened : values ? P.valueRow : P.keyRow;
  const rows = rowsAt(P, W, b, head, first, last, values);
  W.rows = rows;
  W.count = n;
  W.half = half;
  W.stride = stride;
  W.far = pages ? rowsAt(P, W, b, head, first + half, last, values) - rows : <usize>half * stride;
}

/**
 * Queries of a record, the rows of the row table: f32 [D / 4][1 or 4 rows][4] in the order of channels that the keys have; or,
 * for quantised keys, i16 [D] and behind it what each group is multiples of, f32 [D / 32][4].
 */
export function packRows(P: AttentionParameters, W: Workspace, slice: i32, at: usize): void {
  const D = paddedDim(P, P.headDim);
  const staging = W.queries;
  const end = staging + (<usize>D << 2);
  const pairs = directHalves(P);
  const factor = f32x4.splat(pairs ? keyBias(P) : 1);
  const step: usize = rowsTogether(P) > 1 ? 64 : 16;
  const query = P.query + <usize>(slice / P.keyHeads) * P.queryBatch;
  memory.fill(staging, 0, <usize>D << 2);
  for (let r: usize = 0; r < step; r += 16) {
    const lane = r >> 2;
    widenRow(
      query + <usize>load<i32>(W.head + lane) * P.queryHead + <usize>load<i32>(W.queryIndex + lane) * P.queryRow,
      staging, P.headDim, P.dtype,
    );
    let to = at + r;
    if (quantised(P.keyDtype)) {
      let factors = to + (<usize>D << 1);
      const ones = W.biases;
      for (let i: usize = 0; i < 64; i += 16) v128.store(ones + i, i16x8.splat(0x3f80));
      for (let from = staging; from < end; from += 128, to += 64, factors += 16) {
        v128.store(factors, quantise(from, ones, CACHE_GROUP, ones + 64, to, unitOf(P)));
      }
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

/** W.scores f32 [n][1 or 4 rows] = products with the n keys of the block; past the last up to 8 scores are of no meaning. */
export function readKeys(P: AttentionParameters, W: Workspace, query: usize): void {
  const D = paddedDim(P, P.headDim);
  if (quantised(P.keyDtype)) {
    let factors = query + (<usize>D << 1);
    let key = W.rows;
    memory.fill(W.scores, 0, PAGE_KEYS * 8);
    for (const end = factors; query < end; query += 64, factors += 16, key += groupBytes(P.keyDtype)) {
      let scores = W.scores;
      for (let n = W.count, at = key; n > 0; n -= PAGE_KEYS, at += W.far, scores += PAGE_KEYS * 4) {
        scoreGroup(query, v128.load(factors), numbers(P, W, at), at, min(n, PAGE_KEYS), scores);
      }
    }
  } else if (directHalves(P)) {
    if (P.keyDtype == DTYPE_FLOAT16) halfKeys<Half>(P, W, query);
    else halfKeys<Brain>(P, W, query);
  } else if (rowsTogether(P) > 1) scoreRows(query, W.rows, W.far, W.stride, W.half, W.count, D, W.scores);
  else scoreRow(query, W.rows, W.far, W.stride, W.half, W.count, D, W.scores, W.alpha);
}

/** Outputs of the record += W.scores times the n values of the block. */
export function readValues(P: AttentionParameters, W: Workspace, record: usize): void {
  const Dv = paddedDim(P, P.valueDim);
  let outputs = record + OUTPUTS;
  if (quantised(P.keyDtype)) {
    const pairs = W.biases;
    const products = pairs + PAGE_KEYS * 2;
    let value = W.rows;
    for (const end = outputs + (<usize>Dv << 2); outputs < end; outputs += 128, value += groupBytes(P.keyDtype)) {
      let weights = W.scores;
      for (let n = W.count, at = value; n > 0; n -= PAGE_KEYS, at += W.far, weights += PAGE_KEYS * 4) {
        const keys = (min(n, PAGE_KEYS) + 7) & ~7;
        const factor = quantise(weights, at, keys, products, pairs, unitOf(P));
        sumGroup(numbers(P, W, at), pairs, pairs + (<usize>keys << 1), factor, outputs);
      }
    }
  } else if (directHalves(P)) {
    if (P.keyDtype == DTYPE_FLOAT16) halfValues<Half>(P, W, outputs);
    else halfValues<Brain>(P, W, outputs);
  } else if (rowsTogether(P) > 1) sumRows(W.rows, W.far, W.stride, W.half, W.count, Dv, W.scores, outputs);
  else sumRow(W.rows, W.far, W.stride, W.half, W.count, Dv, W.scores, outputs, W.alpha);
}

/** What `numbers` are multiples of. */
function unitOf(P: AttentionParameters): f32 {
  return P.keyDtype == DTYPE_INT4 ? 0.0625 : 1;
}

/** The numbers of a group, int8. */
function numbers(P: AttentionParameters, W: Workspace, group: usize): usize {
  if (P.keyDtype != DTYPE_INT4) return group + SCALE_BYTES;
  unpackNibbles(group + SCALE_BYTES, W.keys);
  return W.keys;
}
