// The steps between S^T = K Q^T and the softmax, each a pass over one tile in the first cache level, each only where
// it was asked for. Order: similarity and scale, softcap, bias, mask.
import {
  AttentionParameters, SIMILARITY_ADDITIVE, SIMILARITY_COSINE, SIMILARITY_DOT, SIMILARITY_EUCLIDEAN,
  SIMILARITY_SQUARED_EUCLIDEAN, STAGE_CAPPED, STAGE_MASKED,
} from "../abi";
import { LOG2E, tanh } from "../simd/math";
import { Additive, distanceTile, SquaredDistance } from "./distances";
import { scoreTile } from "./products";
import { Workspace } from "./workspace";

/**
 * Whether scores may stay unscaled until the exponential, which scales them as it reads them:
 * a plain product with a positive scale, nothing added and no sink beside it.
 */
export function scaledLate(P: AttentionParameters, biased: bool): bool {
  return P.similarity == SIMILARITY_DOT && P.scale > 0 && P.scale < 1e38 && P.softcap == 0 && !biased && !P.sinks;
}

/** What differences of scores are multiplied by on their way into 2^x. */
export function softmaxFactor(P: AttentionParameters, late: bool): f32 {
  return <f32>(late ? <f64>P.scale * LOG2E : LOG2E);
}

/**
 * W.scores f32 [n][8] = similarity of n keys with the 8 queries of one lane group, before any step; a plain product leaves
 * the largest of each query in W.alpha f32 [8].
 */
export function rawScores(P: AttentionParameters, W: Workspace, key: usize, stride: usize, n: i32, queries: usize): void {
  if (P.similarity == SIMILARITY_ADDITIVE) {
    distanceTile<Additive>(key, stride, n, queries, P.headDim, W.scores, P.additive, W.exp);
  } else if (P.similarity == SIMILARITY_EUCLIDEAN || P.similarity == SIMILARITY_SQUARED_EUCLIDEAN) {
    distanceTile<SquaredDistance>(key, stride, n, queries, P.headDim, W.scores, 0, 0);
  } else {
    scoreTile(key, stride, n, queries, P.headDim, W.scores, W.alpha);
  }
}

/**
 * Applies the steps up to `stage` to W.scores f32 [n][8].
 * @param norm f32 [n], 1 / |k|, read with cosine only
 * @param biases f32 [n][8], or 0
 */
export function applySteps(P: AttentionParameters, W: Workspace, n: i32, norm: usize, biases: usize, stage: i32): void {
  const end = W.scores + (<usize>n << 5);
  scaleScores(P, W.scores, end, norm);
  if (stage >= STAGE_CAPPED && P.softcap != 0) capScores(W.scores, end, P.softcap, W.exp);
  if (stage >= STAGE_MASKED && biases) addBiases(W.scores, end, biases);
}

function scaleScores(P: AttentionParameters, scores: usize, end: usize, norm: usize): void {
  if (P.similarity == SIMILARITY_COSINE) {
    const scale = f32x4.splat(P.scale);
    for (let s = scores; s < end; s += 32, norm += 4) {
      const k = v128.load_splat<f32>(norm);
      v128.store(s, f32x4.mul(f32x4.mul(v128.load(s), k), scale));
      v128.store(s, f32x4.mul(f32x4.mul(v128.load(s, 16), k), scale), 16);
    }
  } else if (P.similarity == SIMILARITY_EUCLIDEAN) {
    const scale = f32x4.splat(-P.scale);
    for (let s = scores; s < end; s += 16) v128.store(s, f32x4.mul(f32x4.sqrt(v128.load(s)), scale));
  } else {
    const scale = f32x4.splat(P.similarity == SIMILARITY_SQUARED_EUCLIDEAN ? -P.scale : P.scale);
    for (let s = scores; s < end; s += 16) v128.store(s, f32x4.mul(v128.load(s), scale));
  }
}

/** softcap * tanh(score / softcap), Gemma 2 (2024), section 2 */
function capScores(scores: usize, end: usize, softcap: f32, constants: usize): void {
  const cap = f32x4.splat(softcap);
  for (let s = scores; s < end; s += 16) v128.store(s, f32x4.mul(tanh(f32x4.div(v128.load(s), cap), constants), cap));
}

/** A forbidden key stays forbidden whatever its score, NaN included. */
function addBiases(scores: usize, end: usize, biases: usize): void {
  const forbidden = f32x4.splat(-Infinity);
  for (let s = scores; s < end; s += 16, biases += 16) {
    const bias = v128.load(biases);
    v128.store(s, v128.bitselect(forbidden, f32x4.add(v128.load(s), bias), f32x4.eq(bias, forbidden)));
  }
}

/** Forbids keys outside each query's interval: key `begin` + j for j in [0, n), low and high i32 [8]. */
export function applyIntervals(
  P: AttentionParameters, W: Workspace, begin: i32, n: i32, low: usize, high: usize,
): void {
  const pinned = P.pinned - begin;
  const lowA = v128.load(low);
  const lowB = v128.load(low, 16);
  const highA = v128.load(high);
  const highB = v128.load(high, 16);
  const forbidden = f32x4.splat(-Infinity);
  let s = W.scores;
  for (let j = 0; j < n; j++, s += 32) {
    const key = i32x4.splat(begin + j);
    let seenA = i32x4.le_s(key, highA);
    let seenB = i32x4.le_s(key, highB);
    if (j >= pinned) {
      seenA = v128.and(seenA, i32x4.ge_s(key, lowA));
      seenB = v128.and(seenB, i32x4.ge_s(key, lowB));
    }
    v128.store(s, v128.bitselect(v128.load(s), forbidden, seenA));
    v128.store(s, v128.bitselect(v128.load(s, 16), forbidden, seenB), 16);
  }
}
