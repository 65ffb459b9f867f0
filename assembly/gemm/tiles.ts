// The register tiles of the packed product: 6 x 8 where multiply-adds are fused, 4 x 8 where not, and 1 x 32 for single rows.
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
  if (ASC_FEATURE_RELAXED_SIMD) multiplyTile6(rows, panel, depth, tile);
  else multiplyTile4(rows, panel, depth, tile);
}

// @ts-ignore: decorator
@inline
function multiplyTile6(k: usize, q: usize, depth: i32, tile: usize): void {
  const end = q + (<usize>depth << 5);
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero;
  for (; q < end; q += 32, k += 24) {
    const qa = v128.load(q);
    const qb = v128.load(q, 16);
    let x = v128.load_splat<f32>(k);
    a0 = madd(qa, x, a0);
    b0 = madd(qb, x, b0);
    x = v128.load_splat<f32>(k, 4);
    a1 = madd(qa, x, a1);
    b1 = madd(qb, x, b1);
    x = v128.load_splat<f32>(k, 8);
    a2 = madd(qa, x, a2);
    b2 = madd(qb, x, b2);
    x = v128.load_splat<f32>(k, 12);
    a3 = madd(qa, x, a3);
    b3 = madd(qb, x, b3);
    x = v128.load_splat<f32>(k, 16);
    a4 = madd(qa, x, a4);
    b4 = madd(qb, x, b4);
    x = v128.load_splat<f32>(k, 20);
    a5 = madd(qa, x, a5);
    b5 = madd(qb, x, b5);
  }
  v128.store(tile, a0);
  v128.store(tile, b0, 16);
  v128.store(tile, a1, 32);
  v128.store(tile, b1, 48);
  v128.store(tile, a2, 64);
  v128.store(tile, b2, 80);
  v128.store(tile, a3, 96);
  v128.store(tile, b3, 112);
  v128.store(tile, a4, 128);
  v128.store(tile, b4, 144);
  v128.store(tile, a5, 160);
  v128.store(tile, b5, 176);
}

// @ts-ignore: decorator
@inline
function multiplyTile4(k: usize, q: usize, depth: i32, tile: usize): void {
  const end = q + (<usize>depth << 5);
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
  for (; q < end; q += 32, k += 16) {
    const qa = v128.load(q);
    const qb = v128.load(q, 16);
    let x = v128.load_splat<f32>(k);
    a0 = madd(qa, x, a0);
    b0 = madd(qb, x, b0);
    x = v128.load_splat<f32>(k, 4);
    a1 = madd(qa, x, a1);
    b1 = madd(qb, x, b1);
    x = v128.load_splat<f32>(k, 8);
    a2 = madd(qa, x, a2);
    b2 = madd(qb, x, b2);
    x = v128.load_splat<f32>(k, 12);
    a3 = madd(qa, x, a3);
    b3 = madd(qb, x, b3);
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
