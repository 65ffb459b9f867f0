// One block of keys or values of a decoding tile, whatever type it has and wherever it lies: which product reads it.
// float32, finite float16, bfloat16, int8 and int4 are read as they lie, other halves as the forward widens them.
import { AttentionParameters, CACHE_GROUP, DTYPE_BFLOAT16, DTYPE_FLOAT16, DTYPE_INT4, PAGE_KEYS } from "../abi";
import { groupBytes, quantised, SCALE_BYTES } from "../cache/page";
import { elementShift, widenRow } from "../simd/convert";
import { lastPage, lookUpPage, pagesAhead } from "./ahead";
import { scoreRow, scoreRows, sumRow, sumRows } from "./channels";
import { Brain, Half, HALF_BIAS, HALF_BIAS_ROOT, scoreHalfRows, scoreHalves, sumHalfRows, sumHalves } from "./halves";
import { firstRow, keyBlock, keyStride, valueBlock, valueStride } from "./pack";
import { quantise, scoreGroup, sumGroup, unpackNibbles } from "./quantised";
import { OUTPUTS, rowsTogether, weightsOf } from "./splits";
import { Workspace } from "./workspace";

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

function halfKeys<T>(P: AttentionParameters, W: Workspace, query: usize, key: usize, n: i32): void {
  const one = elementShift(P.keyDtype);
  if (rowsTogether(P) > 1) scoreHalfRows<T>(query, key, P.keyRow, n, P.headDim, W.scores, one, keyBias(P));
  else scoreHalves<T>(query, key, P.keyRow, n, P.headDim, W.scores, one, keyBias(P));
}

function halfValues<T>(P: AttentionParameters, value: usize, n: i32, weights: usize, outputs: usize): void {
  const one = elementShift(P.keyDtype);
  const bias: f32 = P.keyDtype == DTYPE_FLOAT16 ? HALF_BIAS : 1;
  if (rowsTogether(P) > 1) sumHalfRows<T>(value, P.valueRow, n, P.valueDim, weights, outputs, one, bias);
  else sumHalves<T>(value, P.valueRow, n, P.valueDim, weights, outputs, one, bias);
}

/** Address of keys, or values, [first, last) of one head as the products read them. */
export function blockAt(
  P: AttentionParameters, W: Workspace, b: i32, head: i32, first: i32, last: i32, values: bool,
): usize {
  if (quantised(P.keyDtype) || directHalves(P)) {
    return values
      ? firstRow(P, b, first, P.value + <usize>head * P.valueHead, P.valueBatch, P.valueRow)
      : firstRow(P, b, first, P.key + <usize>head * P.keyHead, P.keyBatch, P.keyRow);
  }
  return values ? valueBlock(P, W, b, head, first, last) : keyBlock(P, W, b, head, first, last);
}

/**
 * Queries of a unit, the rows of the row table: f32 [D / 4][1 or 4 rows][4] in the order of channels that the keys have; or,
 * for quantised keys, i16 [D] and behind it what each group is multiples of, f32 [D / 32][4].
 */
export function packRows(P: AttentionParameters, W: Workspace, slice: i32, unit: usize): void {
  const D = paddedDim(P, P.headDim);
  const staging = W.queries;
  const end = staging + (<usize>D << 2);
  const pairs = directHalves(P);
  const factor = f32x4.splat(pairs ? keyBias(P) : 1);
  const step: usize = rowsTogether(P) > 1 ? 64 : 16;
  const query = P.query + <usize>(slice / P.keyHeads) * P.queryBatch;
  memory.fill(staging, 0, <usize>D << 2);
  for (let r: usize = 0; r < step; r += 16) {
    const at = r >> 2;
    widenRow(
      query + <usize>load<i32>(W.head + at) * P.queryHead + <usize>load<i32>(W.queryIndex + at) * P.queryRow,
      staging, P.headDim, P.dtype,
    );
    let to = unit + r;
    if (quantised(P.keyDtype)) {
      let factors = to + (<usize>D << 1);
      const ones = W.biases;
      for (let i: usize = 0; i < 64; i += 16) v128.store(ones + i, i16x8.splat(0x3f80));
      for (let from = staging; from < end; from += 128, to += 64, factors += 16) {
        v128.store(factors, quantise(from, ones, CACHE_GROUP, ones + 64, to));
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

/** W.scores f32 [n][1 or 4 rows] = products with n keys; past the last up to 8 scores are of no meaning. */
export function readKeys(P: AttentionParameters, W: Workspace, unit: usize, key: usize, n: i32): void {
  const D = paddedDim(P, P.headDim);
  let query = unit;
  if (quantised(P.keyDtype)) {
    let factors = query + (<usize>D << 1);
    memory.fill(W.scores, 0, PAGE_KEYS * 4);
    for (const end = factors; query < end; query += 64, factors += 16, key += groupBytes(P.keyDtype)) {
      lookUpGroup(P, key);
      scoreGroup(query, v128.load(factors), numbers(P, W, key), key, n, W.scores);
    }
  } else if (directHalves(P)) {
    if (P.keyDtype == DTYPE_FLOAT16) halfKeys<Half>(P, W, query, key, n);
    else halfKeys<Brain>(P, W, query, key, n);
  } else if (rowsTogether(P) > 1) scoreRows(query, key, keyStride(P), n, D, W.scores, W.alpha);
  else scoreRow(query, key, keyStride(P), n, D, W.scores, W.alpha);
}

/** Outputs of the record += the unit's weights times n values. */
export function readValues(
  P: AttentionParameters, W: Workspace, unit: usize, record: usize, value: usize, n: i32,
): void {
  const Dv = paddedDim(P, P.valueDim);
  const weights = weightsOf(P, unit);
  let outputs = record + OUTPUTS;
  if (quantised(P.keyDtype)) {
    const keys = (n + 7) & ~7;
    const pairs = W.biases;
    const products = pairs + PAGE_KEYS * 2;
    for (const end = outputs + (<usize>Dv << 2); outputs < end; outputs += 128, value += groupBytes(P.keyDtype)) {
      lookUpGroup(P, value);
      const factor = quantise(weights, value, keys, products, pairs);
      sumGroup(numbers(P, W, value), pairs, pairs + (<usize>keys << 1), factor, outputs);
    }
  } else if (directHalves(P)) {
    if (P.keyDtype == DTYPE_FLOAT16) halfValues<Half>(P, value, n, weights, outputs);
    else halfValues<Brain>(P, value, n, weights, outputs);
  } else if (rowsTogether(P) > 1) sumRows(value, valueStride(P), n, Dv, weights, outputs, W.alpha);
  else sumRow(value, valueStride(P), n, Dv, weights, outputs, W.alpha);
}

/**
 * Has the page looked up that lies two ahead of a group; int4 takes so long to unpack that it does not matter. What was read is
 * dropped, since no register keeps it across the products: Deno, which checks bounds without reading, then leaves it out.
 */
// @ts-ignore: decorator
@inline
function lookUpGroup(P: AttentionParameters, group: usize): void {
  if (P.keyDtype != DTYPE_INT4) lookUpPage(group + pagesAhead(0), lastPage());
}

/** The numbers of a group, int8. */
function numbers(P: AttentionParameters, W: Workspace, group: usize): usize {
  if (P.keyDtype != DTYPE_INT4) return group + SCALE_BYTES;
  unpackNibbles(group + SCALE_BYTES, W.keys);
  return W.keys;
}
