// Moving tensors into the shape the micro-kernels read, and results back.
import { AttentionParameters, DTYPE_FLOAT32, PAGE_KEYS, SIMILARITY_COSINE } from "../abi";
import { pageAt, quantised, readQuantised } from "../cache/page";
import { elementShift, narrowRow, widenRow } from "../simd/convert";
import { keysInPlace, paddedValueDim, valuesInPlace, Workspace } from "./workspace";

/** Norms are clamped below at this, as in torch.nn.functional.cosine_similarity. */
const NORM_FLOOR: f64 = 1e-8;

/** 1 / max(|x|, 1e-8), x f32 [D]; summed in f64, so that no square overflows. */
function inverseNorm(x: usize, D: i32): f32 {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const end = x + (<usize>D << 2);
  for (; x + 16 <= end; x += 16) {
    const v = v128.load(x);
    const a = f64x2.promote_low_f32x4(v);
    const b = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
    s0 = f64x2.add(s0, f64x2.mul(a, a));
    s1 = f64x2.add(s1, f64x2.mul(b, b));
  }
  s0 = f64x2.add(s0, s1);
  let square = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; x < end; x += 4) {
    const v = <f64>load<f32>(x);
    square += v * v;
  }
  return <f32>(1 / max(sqrt(square), NORM_FLOOR));
}

/** Four rows of four become four columns: each goes to an address of its own. */
// @ts-ignore: decorator
@inline
export function transpose4(a: v128, b: v128, c: v128, d: v128, to0: usize, to1: usize, to2: usize, to3: usize): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to0, v128.shuffle<i64>(ab0, cd0, 0, 2));
  v128.store(to1, v128.shuffle<i64>(ab0, cd0, 1, 3));
  v128.store(to2, v128.shuffle<i64>(ab1, cd1, 0, 2));
  v128.store(to3, v128.shuffle<i64>(ab1, cd1, 1, 3));
}

/** Row r of the tile as f32 [D]: in place, or widened into the `slot`-th row of W.keys. */
// @ts-ignore: decorator
@inline
function queryRow(P: AttentionParameters, W: Workspace, query: usize, r: i32, slot: i32): usize {
  const at = <usize>r << 2;
  const row = query + <usize>load<i32>(W.head + at) * P.queryHead + <usize>load<i32>(W.queryIndex + at) * P.queryRow;
  if (P.dtype == DTYPE_FLOAT32) return row;
  const to = W.keys + (<usize>(slot * P.headDim) << 2);
  widenRow(row, to, P.headDim, P.dtype);
  return to;
}

/** W.queries f32 [n / 8][D][8] = the rows of the row table, transposed; with cosine each is divided by its norm. */
export function packQueries(P: AttentionParameters, W: Workspace, b: i32, n: i32): void {
  const D = P.headDim;
  const query = P.query + <usize>b * P.queryBatch;
  const cosine = P.similarity == SIMILARITY_COSINE;
  for (let r = 0; r < n; r += 4) {
    const q0 = queryRow(P, W, query, r, 0);
    const q1 = queryRow(P, W, query, r + 1, 1);
    const q2 = queryRow(P, W, query, r + 2, 2);
    const q3 = queryRow(P, W, query, r + 3, 3);
    let factor = f32x4.splat(1);
    if (cosine) {
      factor = f32x4(inverseNorm(q0, D), inverseNorm(q1, D), inverseNorm(q2, D), inverseNorm(q3, D));
    }
    // Lane group r / 8, first or second half of its lanes
    let to = W.queries + (<usize>((r & ~7) * D + (r & 4)) << 2);
    let at: usize = 0;
    const end = <usize>D << 2;
    for (; at + 16 <= end; at += 16, to += 128) {
      transpose4(
        v128.load(q0 + at), v128.load(q1 + at), v128.load(q2 + at), v128.load(q3 + at), to, to + 32, to + 64, to + 96,
      );
      if (cosine) {
        v128.store(to, f32x4.mul(v128.load(to), factor));
        v128.store(to, f32x4.mul(v128.load(to, 32), factor), 32);
        v128.store(to, f32x4.mul(v128.load(to, 64), factor), 64);
        v128.store(to, f32x4.mul(v128.load(to, 96), factor), 96);
      }
    }
    for (; at < end; at += 4, to += 32) {
      const column = f32x4(load<f32>(q0 + at), load<f32>(q1 + at), load<f32>(q2 + at), load<f32>(q3 + at));
      v128.store(to, f32x4.mul(column, factor));
    }
  }
}

/**
 * Address of row `begin` of one head: in a tensor, or in the page that holds the whole block; there the address of the
 * chunk where its rows are no rows.
 * @param head address of the head in batch item 0, or its offset in a page
 */
export function firstRow(P: AttentionParameters, b: i32, begin: i32, head: usize, batch: usize, row: usize): usize {
  if (!P.pages) return head + <usize>b * batch + <usize>begin * row;
  const chunk = pageAt(P.pages + <usize>b * P.pagesBatch, begin) + head;
  return quantised(P.keyDtype) ? chunk : chunk + <usize>(begin & (PAGE_KEYS - 1)) * row;
}

/** to f32 [end - begin][n] = rows of P.keyDtype from where firstRow says. */
function widenRows(
  P: AttentionParameters, from: usize, row: usize, begin: i32, end: i32, n: i32, to: usize, stride: usize, values: bool,
): void {
  const isQuantised = quantised(P.keyDtype);
  for (let j = begin; j < end; j++, to += stride) {
    if (isQuantised) readQuantised(from, j & (PAGE_KEYS - 1), n, P.keyDtype, values, to);
    else widenRow(from + <usize>(j - begin) * row, to, n, P.keyDtype);
  }
}

/** Keys [begin, end) as f32 rows: in place, or widened into W.keys. Also fills W.keyNorms with cosine. */
export function keyBlock(P: AttentionParameters, W: Workspace, b: i32, keyHead: i32, begin: i32, end: i32): usize {
  const D = P.headDim;
  const head = P.key + <usize>keyHead * P.keyHead;
  const key = firstRow(P, b, begin, head, P.keyBatch, P.keyRow);
  let rows = key;
  if (!keysInPlace(P)) {
    rows = W.keys;
    widenRows(P, key, P.keyRow, begin, end, D, rows, <usize>D << 2, false);
  }
  if (P.similarity == SIMILARITY_COSINE) {
    const stride = keyStride(P);
    for (let j = 0; j < end - begin; j++) {
      store<f32>(W.keyNorms + (<usize>j << 2), inverseNorm(rows + <usize>j * stride, D));
    }
  }
  return rows;
}

/** Bytes from one row of keyBlock's result to the next. */
// @ts-ignore: decorator
@inline
export function keyStride(P: AttentionParameters): usize {
  return keysInPlace(P) ? P.keyRow : <usize>P.headDim << 2;
}

/** Values [begin, end) as f32 rows of Dv rounded up to 4: in place, or widened and zero-padded into W.values. */
export function valueBlock(P: AttentionParameters, W: Workspace, b: i32, keyHead: i32, begin: i32, end: i32): usize {
  const head = P.value + <usize>keyHead * P.valueHead;
  const value = firstRow(P, b, begin, head, P.valueBatch, P.valueRow);
  if (valuesInPlace(P)) return value;
  const stride = <usize>paddedValueDim(P) << 2;
  let last = W.values + stride - 16;
  for (let j = begin; j < end; j++, last += stride) v128.store(last, f32x4.splat(0));
  widenRows(P, value, P.valueRow, begin, end, P.valueDim, W.values, stride, true);
  return W.values;
}

/** Bytes from one row of valueBlock's result to the next. */
// @ts-ignore: decorator
@inline
export function valueStride(P: AttentionParameters): usize {
  return valuesInPlace(P) ? P.valueRow : <usize>paddedValueDim(P) << 2;
}

/**
 * Output rows r .. r + 3 of the tile, of which only those below n exist: `columns` f32 [Dv][8] times `factor`.
 * @param columns the four lanes of these rows in the first column
 * @param dead all bits set for rows that saw no key, which are zero whatever the values hold
 */
export function unpackOutputs(
  P: AttentionParameters, W: Workspace, b: i32, r: i32, n: i32, columns: usize, factor: v128, dead: v128,
): void {
  const output = P.output + <usize>b * P.outputBatch;
  if (P.dtype == DTYPE_FLOAT32 && (P.valueDim & 3) == 0) {
    // Lanes past the last row repeat it, and so write it again
    writeColumns(
      columns, P.valueDim, factor, dead, outputRow(P, W, output, r), outputRow(P, W, output, r + 1),
      outputRow(P, W, output, r + 2), outputRow(P, W, output, r + 3),
    );
    return;
  }
  const staging = W.scores;
  const shift = elementShift(P.dtype);
  for (let c = 0; c < P.valueDim; c += 4, columns += 128) {
    writeColumns(columns, 4, factor, dead, staging, staging + 16, staging + 32, staging + 48);
    for (let k = 0; k < min(4, n - r); k++) {
      narrowRow(
        staging + (<usize>k << 4), outputRow(P, W, output, r + k) + (<usize>c << shift), min(4, P.valueDim - c), P.dtype,
      );
    }
  }
}

// @ts-ignore: decorator
@inline
function outputRow(P: AttentionParameters, W: Workspace, output: usize, r: i32): usize {
  const at = <usize>r << 2;
  return output + <usize>load<i32>(W.head + at) * P.outputHead + <usize>load<i32>(W.queryIndex + at) * P.outputRow;
}

/** Columns f32 [n][8], times the factor of each row, to four rows f32 [n]; n a multiple of 4. */
function writeColumns(
  columns: usize, n: i32, factor: v128, dead: v128, to0: usize, to1: usize, to2: usize, to3: usize,
): void {
  for (const end = columns + (<usize>n << 5); columns < end; columns += 128) {
    transpose4(
      v128.andnot(f32x4.mul(v128.load(columns), factor), dead),
      v128.andnot(f32x4.mul(v128.load(columns, 32), factor), dead),
      v128.andnot(f32x4.mul(v128.load(columns, 64), factor), dead),
      v128.andnot(f32x4.mul(v128.load(columns, 96), factor), dead),
      to0, to1, to2, to3,
    );
    to0 += 16;
    to1 += 16;
    to2 += 16;
    to3 += 16;
  }
}
