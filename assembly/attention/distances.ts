// The similarities that are no products, scores^T = similarity(K, Q^T), in a small register tile: 2 keys by 8 queries are
// four chains of additions, which hide their latency, and modules stay small. The layout is that of products.ts, and
// so is the end of a block: an odd last key is computed twice, the second time for nobody.
import { madd, tanh } from "../simd/math";

/** acc + (q - k)^2: differences before squares, so that near vectors keep their distance exactly. */
@unmanaged @final
export class SquaredDistance {
  @inline weight(_w: usize): v128 { return f32x4.splat(0); }
  @inline step(acc: v128, q: v128, k: v128, _w: v128, _c: usize): v128 {
    const d = f32x4.sub(q, k);
    return madd(d, d, acc);
  }
}

/** acc + v * tanh(q + k), Bahdanau et al. 2015, eq. 6 with the projections already applied. */
@unmanaged @final
export class Additive {
  @inline weight(w: usize): v128 { return v128.load_splat<f32>(w); }
  @inline step(acc: v128, q: v128, k: v128, w: v128, c: usize): v128 {
    return madd(tanh(f32x4.add(q, k), c), w, acc);
  }
}

/**
 * scores [n rounded up to 2][8] = similarity of n keys with 8 queries.
 * @param key f32 [n][D], rows `stride` bytes apart
 * @param queries f32 [D][8]
 * @param w f32 [D] and c, constants of `exp`: read by Additive only
 */
export function distanceTile<T>(
  key: usize, stride: usize, n: i32, queries: usize, D: i32, scores: usize, w: usize, c: usize,
): void {
  const similarity = changetype<T>(0);
  const end = queries + (<usize>D << 5);
  for (let j = 0; j < n; j += 2, key += 2 * stride, scores += 64) {
    let k0 = key;
    let k1 = n - j > 1 ? k0 + stride : k0;
    let wd = w;
    const zero = f32x4.splat(0);
    let a0 = zero, a1 = zero, b0 = zero, b1 = zero;
    for (let q = queries; q < end; q += 32, k0 += 4, k1 += 4, wd += 4) {
      const qa = v128.load(q);
      const qb = v128.load(q, 16);
      const v = similarity.weight(wd);
      let k = v128.load_splat<f32>(k0);
      a0 = similarity.step(a0, qa, k, v, c);
      b0 = similarity.step(b0, qb, k, v, c);
      k = v128.load_splat<f32>(k1);
      a1 = similarity.step(a1, qa, k, v, c);
      b1 = similarity.step(b1, qb, k, v, c);
    }
    v128.store(scores, a0);
    v128.store(scores, b0, 16);
    v128.store(scores, a1, 32);
    v128.store(scores, b1, 48);
  }
}
