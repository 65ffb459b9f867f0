// The register tiles of the packed product: 6 x 8 where multiply-adds are fused, 4 x 8 where not, both also for the values of
// attention, and 1 x 32 for single rows.
//
// Both sides come packed, A as [K][tile rows], each element broadcast, B as panels [K][PANEL], so that one step of the depth
// has two pointers to move and all else lies at fixed offsets. Two steps per turn, or a pointer for each row of A, made V8
// hoist loads and spill accumulators: 0.63 of the peak instead of what docs/kernels.md says.
import { madd } from "../simd/math";

/** Rows of the register tile. */
// @ts-ignore: decorator
@inline
export function tileRows(): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? 6 : 4;
}

/** tile f32 [tileRows][8] = rows [depth][tileRows] of A, packed, times a panel [depth][8]. */
export function multiplyTile(rows: usize, panel: usize, depth: i32, tile: usize): void {
  const end = panel + (<usize>depth << 5);
  const none = f32x4.splat(0);
  if (depth == 0) memory.fill(tile, 0, <usize>tileRows() << 5);
  else if (ASC_FEATURE_RELAXED_SIMD) sumColumns(6, rows, 24, panel, end, tile, false, none, none);
  else sumColumns(4, rows, 16, panel, end, tile, false, none, none);
}

/**
 * sums f32 [tile][8] = 4 or 6 columns, a literal, of X^T times Y: one tile of the packed product, and of V^T P (products.ts).
 * Four columns may join what is there, `join` being a literal: sums = sums * alpha + X^T Y. Six are stored as they are and
 * in this order: where V8 12 finds something else done to them it loads all of a turn before it multiplies, which needs
 * more registers than there are.
 * @param x f32 [n][tile], rows `stride` bytes apart
 * @param y f32 [n][8], up to `end`; n from 1
 */
// @ts-ignore: decorator
@inline
export function sumColumns(
  tile: i32, x: usize, stride: usize, y: usize, end: usize, sums: usize, join: bool, alphaA: v128, alphaB: v128,
): void {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero;
  if (tile == 6) {
    // Of six columns, one row at least, the first step stands alone. An engine that checks bounds by instructions, as
    // Deno's, keeps the limits of its addresses for all that follow: a fifth fewer instructions
    const ya = v128.load(y);
    const yb = v128.load(y, 16);
    let c = v128.load_splat<f32>(x);
    a0 = madd(ya, c, zero);
    b0 = madd(yb, c, zero);
    c = v128.load_splat<f32>(x, 4);
    a1 = madd(ya, c, zero);
    b1 = madd(yb, c, zero);
    c = v128.load_splat<f32>(x, 8);
    a2 = madd(ya, c, zero);
    b2 = madd(yb, c, zero);
    c = v128.load_splat<f32>(x, 12);
    a3 = madd(ya, c, zero);
    b3 = madd(yb, c, zero);
    c = v128.load_splat<f32>(x, 16);
    a4 = madd(ya, c, zero);
    b4 = madd(yb, c, zero);
    c = v128.load_splat<f32>(x, 20);
    a5 = madd(ya, c, zero);
    b5 = madd(yb, c, zero);
    y += 32;
    x += stride;
  }
  if (tile == 4 || y < end) do {
    const ya = v128.load(y);
    const yb = v128.load(y, 16);
    let c = v128.load_splat<f32>(x);
    a0 = madd(ya, c, a0);
    b0 = madd(yb, c, b0);
    // In simd at addresses of their own: behind an offset JavaScriptCore takes two instructions more for each, and Deno looks at the
    // bounds again. In relaxed that costs V8 14 one per cent
    c = ASC_FEATURE_RELAXED_SIMD ? v128.load_splat<f32>(x, 4) : v128.load_splat<f32>(x + 4);
    a1 = madd(ya, c, a1);
    b1 = madd(yb, c, b1);
    c = ASC_FEATURE_RELAXED_SIMD ? v128.load_splat<f32>(x, 8) : v128.load_splat<f32>(x + 8);
    a2 = madd(ya, c, a2);
    b2 = madd(yb, c, b2);
    c = ASC_FEATURE_RELAXED_SIMD ? v128.load_splat<f32>(x, 12) : v128.load_splat<f32>(x + 12);
    a3 = madd(ya, c, a3);
    b3 = madd(yb, c, b3);
    if (tile == 6) {
      c = v128.load_splat<f32>(x, 16);
      a4 = madd(ya, c, a4);
      b4 = madd(yb, c, b4);
      c = v128.load_splat<f32>(x, 20);
      a5 = madd(ya, c, a5);
      b5 = madd(yb, c, b5);
    }
    y += 32;
    x += stride;
  } while (y < end);
  if (join) {
    a0 = madd(v128.load(sums), alphaA, a0);
    b0 = madd(v128.load(sums, 16), alphaB, b0);
    a1 = madd(v128.load(sums, 32), alphaA, a1);
    b1 = madd(v128.load(sums, 48), alphaB, b1);
    a2 = madd(v128.load(sums, 64), alphaA, a2);
    b2 = madd(v128.load(sums, 80), alphaB, b2);
    a3 = madd(v128.load(sums, 96), alphaA, a3);
    b3 = madd(v128.load(sums, 112), alphaB, b3);
  }
  v128.store(sums, a0);
  v128.store(sums, b0, 16);
  v128.store(sums, a1, 32);
  v128.store(sums, b1, 48);
  v128.store(sums, a2, 64);
  v128.store(sums, b2, 80);
  v128.store(sums, a3, 96);
  v128.store(sums, b3, 112);
  if (tile == 6) {
    v128.store(sums, a4, 128);
    v128.store(sums, b4, 144);
    v128.store(sums, a5, 160);
    v128.store(sums, b5, 176);
  }
}

/**
 * tile f32 [4][8] = one row of A times four panels: enough independent chains to hide the latency of a multiply-add.
 * The same sums in the same order as in the other tiles. Panels past the end alias the last.
 */
export function multiplyRow(a: usize, p0: usize, panelStride: usize, panels: i32, depth: i32, tile: usize): void {
  const end = p0 + (<usize>depth << 5);
  let p1 = panels > 1 ? p0 + panelStride : p0;
  let p2 = panels > 2 ? p1 + panelStride : p1;
  let p3 = panels > 3 ? p2 + panelStride : p2;
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
  for (; p0 < end; p0 += 32, p1 += 32, p2 += 32, p3 += 32, a += 4) {
    const k = v128.load_splat<f32>(a);
    a0 = madd(v128.load(p0), k, a0);
    b0 = madd(v128.load(p0, 16), k, b0);
    a1 = madd(v128.load(p1), k, a1);
    b1 = madd(v128.load(p1, 16), k, b1);
    a2 = madd(v128.load(p2), k, a2);
    b2 = madd(v128.load(p2, 16), k, b2);
    a3 = madd(v128.load(p3), k, a3);
    b3 = madd(v128.load(p3, 16), k, b3);
  }
  v128.store(tile, a0);
  v128.store(tile, b0, 16);
  v128.store(tile, a1, 32);
  v128.store(tile, b1, 48);
  v128.store(tile, a2, 64);
  v128.store(tile, b2, 80);
  v128.store(tile, a3, 96);
  v128.store(tile, b3, 112);
}
