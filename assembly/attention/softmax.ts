// The online softmax of one tile (Milakov and Gimelshein 2018; Dao et al. 2022, algorithm 1), all vertical.
// m_i, l_i and alpha are the names of Triton's tutorial, and so is the base: e^(s - m) = 2^((s - m) log2 e), with
// log2 e folded into the scale. The difference comes first: it is exact where scores are near their maximum, however
// large both are.
import { exp2, exp2With, madd, maximum } from "../simd/math";

/** Rows that have seen no key hold this maximum: finite, so that -Infinity minus it stays -Infinity. */
export const NO_MAXIMUM: f32 = -f32.MAX_VALUE;

/**
 * scores [n][8] become probabilities 2^(factor (s - m) - shift); m and l move on; alpha [8] rescales what came before.
 * @param scale the factor: log2 e, times the scale of the scores where they do not have it yet
 * @param rowMax f32 [8], of s
 * @param rowSum f32 [8], times 2^-shift
 * @param constants, shifted of `exp2`, with shift 0 and the call's
 * @param rows of which the lanes hold keys: 8, one lane each; 4, lanes r and r + 4 are keys of row r; 1, all are keys of one.
 * All lanes of a row have its maximum, and each the sum over its keys
 */
export function onlineSoftmax(
  scores: usize, n: i32, scale: f32, constants: usize, shifted: usize, rowMax: usize, rowSum: usize, alpha: usize,
  rows: i32,
): void {
  const end = scores + (<usize>n << 5);
  let maxA = f32x4.splat(-Infinity);
  let maxB = maxA;
  for (let s = scores; s < end; s += 32) {
    maxA = maximum(maxA, v128.load(s));
    maxB = maximum(maxB, v128.load(s, 16));
  }
  if (rows < 8) {
    maxA = maximum(maxA, maxB);
    if (rows == 1) {
      maxA = maximum(maxA, v128.shuffle<f32>(maxA, maxA, 2, 3, 0, 1));
      maxA = maximum(maxA, v128.shuffle<f32>(maxA, maxA, 1, 0, 3, 2));
    }
    maxB = maxA;
  }
  const factor = f32x4.splat(scale);
  const oldA = v128.load(rowMax);
  const oldB = v128.load(rowMax, 16);
  const mA = maximum(oldA, maxA);
  const mB = maximum(oldB, maxB);
  v128.store(rowMax, mA);
  v128.store(rowMax, mB, 16);
  const alphaA = exp2(f32x4.mul(f32x4.sub(oldA, mA), factor), constants);
  const alphaB = exp2(f32x4.mul(f32x4.sub(oldB, mB), factor), constants);
  v128.store(alpha, alphaA);
  v128.store(alpha, alphaB, 16);

  const lowest = v128.load(shifted);
  const magic = v128.load(shifted, 16);
  const c6 = v128.load(shifted, 32);
  const c5 = v128.load(shifted, 48);
  const c4 = v128.load(shifted, 64);
  const c3 = v128.load(shifted, 80);
  const c2 = v128.load(shifted, 96);
  const c1 = v128.load(shifted, 112);
  const one = v128.load(shifted, 128);
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  for (let s = scores; s < end; s += 32) {
    const xA = f32x4.mul(f32x4.sub(v128.load(s), mA), factor);
    const xB = f32x4.mul(f32x4.sub(v128.load(s, 16), mB), factor);
    const pA = exp2With(xA, lowest, magic, c6, c5, c4, c3, c2, c1, one);
    const pB = exp2With(xB, lowest, magic, c6, c5, c4, c3, c2, c1, one);
    v128.store(s, pA);
    v128.store(s, pB, 16);
    sumA = f32x4.add(sumA, pA);
    sumB = f32x4.add(sumB, pB);
  }
  v128.store(rowSum, madd(v128.load(rowSum), alphaA, sumA));
  v128.store(rowSum, madd(v128.load(rowSum, 16), alphaB, sumB), 16);
}
