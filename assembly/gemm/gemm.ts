// C [M, N] = activation(A [M, K] B [K, N] + bias): the one matrix product of the layers.
//
// The loops of BLIS (Van Zee and van de Geijn 2015): blocks of NC columns, of KC of the depth, of MC rows; inside, a panel
// of 8 columns stays in the first cache while the rows of the block go by. B is packed in panels, beforehand or block by
// block, A in tiles. Sums over a block of KC join C one after the other, so the
// result depends on shapes alone.
import {
  ACTIVATION_NONE, GemmParameters, ImageParameters, MATRIX_COLUMNS, MATRIX_PACKED, MATRIX_ROWS,
} from "../layers/abi";
import { activateRow, prepareActivation } from "../layers/activations";
import { packColumns, packImage, packRows, packTiles, packTransposedTiles } from "./pack";
import { multiplyRow, multiplyTile, tileRows } from "./tiles";

/** Rows: a multiple of both register tiles. With KC: 96 KB of A. */
const MC: i32 = 96;
/** Depth: a panel of 8 columns takes 8 KB. */
const KC: i32 = 256;
/** Columns: a block of B takes 512 KB. */
const NC: i32 = 512;
/** Bytes at the start of the scratch memory: constants of `exp`, then a register tile. */
const TILE: usize = 256;
const HEADER: usize = 512;

/** Bytes of scratch memory that `gemm` needs. */
export function gemmScratch(parameters: usize): usize {
  const P = changetype<GemmParameters>(parameters);
  let bytes = HEADER;
  if (P.kind != MATRIX_PACKED) bytes += <usize>min(NC, (P.columns + 7) & ~7) * <usize>min(KC, P.depth) * 4;
  return bytes + tilesBytes(P);
}

/** Bytes of a packed block of A. */
// @ts-ignore: decorator
@inline
function tilesBytes(P: GemmParameters): usize {
  return <usize>(min(MC, P.rows + tileRows()) * min(KC, P.depth) * 4);
}

/** Bytes of a packed [K, N]. */
export function packedBytes(depth: i32, columns: i32): usize {
  return <usize>((columns + 7) & ~7) * <usize>depth * 4;
}

/** to = the packed [K, N] of a matrix [N][K] (MATRIX_COLUMNS) or [K][N] (MATRIX_ROWS), rows `stride` bytes apart. */
export function packMatrix(from: usize, stride: usize, kind: i32, depth: i32, columns: i32, to: usize): void {
  const panelStride = <usize>depth << 5;
  if (kind == MATRIX_COLUMNS) packColumns(from, stride, 0, columns, 0, depth, to, panelStride);
  else packRows(from, stride, 0, columns, 0, depth, to, panelStride);
}

/** Writes C; (GemmParameters) */
export function gemm(parameters: usize): void {
  const P = changetype<GemmParameters>(parameters);
  if (P.activation != ACTIVATION_NONE) prepareActivation(P.scratch);
  for (let item = 0; item < P.batch; item++) {
    const a = P.a + <usize>item * P.aBatch;
    const b = P.b + <usize>item * P.bBatch;
    const c = P.c + <usize>item * P.cBatch;
    for (let first = 0; first < P.columns; first += NC) {
      multiplyColumns(P, a, b, c, first, min(NC, P.columns - first));
    }
  }
}

/** Columns [first, first + n) of C. */
function multiplyColumns(P: GemmParameters, a: usize, b: usize, c: usize, first: i32, n: i32): void {
  const tiles = P.scratch + HEADER;
  const panels = tiles + tilesBytes(P);
  // At least one block, so that a depth of 0 gives the bias
  for (let begin = 0; begin == 0 || begin < P.depth; begin += KC) {
    const depth = min(KC, P.depth - begin);
    let block = panels;
    let panelStride = <usize>depth << 5;
    if (P.kind == MATRIX_PACKED) {
      panelStride = P.bRow ? P.bRow : <usize>P.depth << 5;
      block = b + <usize>(first >> 3) * panelStride + (<usize>begin << 5);
    } else if (P.kind == MATRIX_ROWS) {
      packRows(b, P.bRow, first, n, begin, depth, block, panelStride);
    } else if (P.kind == MATRIX_COLUMNS) {
      packColumns(b, P.bRow, first, n, begin, depth, block, panelStride);
    } else {
      packImage(changetype<ImageParameters>(P.image), first, n, begin, depth, block, panelStride);
    }
    for (let row = 0; row < P.rows; row += MC) {
      const rows = min(MC, P.rows - row);
      multiplyBlock(P, a, row, rows, begin, depth, tiles, block, panelStride, c, first, n);
      if (begin + KC >= P.depth && P.activation != ACTIVATION_NONE) {
        let to = c + <usize>row * P.cRow + (<usize>first << 2);
        for (let r = 0; r < rows; r++, to += P.cRow) activateRow(P.activation, to, to, n, P.alpha, P.scratch);
      }
    }
  }
}

/** Rows [row, row + rows) and columns [first, first + n) of C, k from `begin` on. */
function multiplyBlock(
  P: GemmParameters, a: usize, row: i32, rows: i32, begin: i32, depth: i32, tiles: usize,
  panels: usize, panelStride: usize, c: usize, first: i32, n: i32,
): void {
  const tile = P.scratch + TILE;
  const step = tileRows();
  const tileBytes = <usize>(step * depth * 4);
  const to = c + <usize>row * P.cRow + (<usize>first << 2);
  const start = begin == 0;
  // Register tiles that are at least half full; rows left over go one by one
  let tiled = rows;
  if (P.aTransposed) {
    packTransposedTiles(a, P.aRow, row, rows, begin, depth, step, tiles);
  } else {
    a += <usize>row * P.aRow + (<usize>begin << 2);
    const over = rows % step;
    if (over <= step / 2) tiled -= over;
    packTiles(a, P.aRow, tiled, depth, step, tiles);
  }
  let panel = panels;
  for (let j = 0; j < n; j += 8, panel += panelStride) {
    const columns = min(8, n - j);
    let rowTile = tiles;
    for (let r = 0; r < tiled; r += step, rowTile += tileBytes) {
      multiplyTile(rowTile, panel, depth, tile);
      const count = min(step, rows - r);
      let at = to + <usize>r * P.cRow + (<usize>j << 2);
      for (let i = 0; i < count; i++, at += P.cRow) {
        join(P, tile + (<usize>i << 5), at, row + r + i, first + j, columns, start);
      }
    }
  }
  for (let r = tiled; r < rows; r++) {
    for (let j = 0; j < n; j += 32) {
      const count = min(4, (n - j + 7) >> 3);
      multiplyRow(a + <usize>r * P.aRow, panels + <usize>(j >> 3) * panelStride, panelStride, count, depth, tile);
      for (let p = 0; p < count; p++) {
        const at = j + (p << 3);
        join(P, tile + (<usize>p << 5), to + <usize>r * P.cRow + (<usize>at << 2), row + r, first + at, min(8, n - at), start);
      }
    }
  }
}

/** Eight sums, of which `columns` exist, join what there is in C: nothing, the bias, or the sums before them. */
// @ts-ignore: decorator
@inline
function join(P: GemmParameters, sums: usize, to: usize, row: i32, column: i32, columns: i32, start: bool): void {
  let low = v128.load(sums);
  let high = v128.load(sums, 16);
  if (start && P.bias) {
    if (P.biasPerRow) {
      const bias = v128.load_splat<f32>(P.bias + (<usize>row << 2));
      low = f32x4.add(low, bias);
      high = f32x4.add(high, bias);
    } else if (columns == 8) {
      const bias = P.bias + (<usize>column << 2);
      low = f32x4.add(low, v128.load(bias));
      high = f32x4.add(high, v128.load(bias, 16));
    }
  }
  const add = !start || P.accumulate;
  if (columns == 8) {
    if (add) {
      low = f32x4.add(low, v128.load(to));
      high = f32x4.add(high, v128.load(to, 16));
    }
    v128.store(to, low);
    v128.store(to, high, 16);
    return;
  }
  v128.store(sums, low);
  v128.store(sums, high, 16);
  const perColumn = start && P.bias && !P.biasPerRow;
  for (let i = 0; i < columns; i++) {
    const at = <usize>i << 2;
    let x = load<f32>(sums + at);
    if (perColumn) x += load<f32>(P.bias + (<usize>(column + i) << 2));
    if (add) x += load<f32>(to + at);
    store<f32>(to + at, x);
  }
}
