// The online softmax of one tile (Milakov and Gimelshein 2018; Dao et al. 2022, algorithm 1), all vertical.
// m_i, l_i and alpha are the names of Triton's tutorial, and so is the base: e^(s - m) = 2^((s - m) log2 e), with
// log2 e folded into the scale. The difference comes first: it is exact where scores are near their maximum, however
// large both are.
import { exp2, exp2With, madd, maximum } from "../simd/math";

/** Rows that have seen no key hold this maximum: finite, so that -Infinity minus it stays -Infinity. */
export const NO_MAXIMUM: f32 = -f32.MAX_VALUE;

/** highest f32 [8] = the largest of each query in scores [n][8]. */
export function largest(scores: usize, n: i32, highest: usize): void {
  const end = scores + (<usize>n << 5);
  let maxA = f32x4.splat(-Infinity);
  let maxB = maxA;
  for (let s = scores; s < end; s += 32) {
    maxA = maximum(maxA, v128.load(s));
    maxB = maximum(maxB, v128.load(s, 16));
  }
  v128.store(highest, maxA);
  v128.store(highest, maxB, 16);
}

/**
 * Vectors of scores [from, end), `step` bytes apart, become probabilities 2^(factor (s - m) - shift).
 * @param shifted constants of `exp2` with the call's shift
 * @returns their sum
 */
// @ts-ignore: decorator
@inline
export function probabilities(from: usize, end: usize, step: usize, m: v128, factor: v128, shifted: usize): v128 {
  const lowest = v128.load(shifted);
  const magic = v128.load(shifted, 16);
  const c6 = v128.load(shifted, 32);
  const c5 = v128.load(shifted, 48);
  const c4 = v128.load(shifted, 64);
  const c3 = v128.load(shifted, 80);
  const c2 = v128.load(shifted, 96);
  const c1 = v128.load(shifted, 112);
  const one = v128.load(shifted, 128);
  let sum = f32x4.splat(0);
  for (let s = from; s < end; s += step) {
    const p = exp2With(f32x4.mul(f32x4.sub(v128.load(s), m), factor), lowest, magic, c6, c5, c4, c3, c2, c1, one);
    v128.store(s, p);
    sum = f32x4.add(sum, p);
  }
  return sum;
}

/**
 * scores [n][8] become probabilities 2^(factor (s - m) - shift); m and l move on; alpha [8], the largest of them, becomes what
 * rescales what came before.
 * @param scale the factor: log2 e, times the scale of the scores where they do not have it yet
 * @param rowMax f32 [8], of s
 * @param rowSum f32 [8], times 2^-shift
 * @param constants, shifted of `exp2`, with shift 0 and the call's
 */
export function onlineSoftmax(
  scores: usize, n: i32, scale: f32, constants: usize, shifted: usize, rowMax: usize, rowSum: usize, alpha: usize,
): void {
  const end = scores + (<usize>n << 5);
  const factor = f32x4.splat(scale);
  // One half of the lanes after the other: with both, what the second loop needs does not fit into registers
  for (let half: usize = 0; half < 32; half += 16) {
    const old = v128.load(rowMax + half);
    const m = maximum(old, v128.load(alpha + half));
    v128.store(rowMax + half, m);
    const rescale = exp2(f32x4.mul(f32x4.sub(old, m), factor), constants);
    v128.store(alpha + half, rescale);
    const sum = probabilities(scores + half, end, 32, m, factor, shifted);
    v128.store(rowSum + half, madd(v128.load(rowSum + half), rescale, sum));
  }
}
