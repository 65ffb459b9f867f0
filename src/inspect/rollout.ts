// Attention rollout: how much of each input token is in each token of the last layer, attention followed through all
// layers as if information mixed linearly.
//
// Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers", eq. 1.
import { knownOptions } from "../checks.js";
import { checkJoin, checkLayers, joinHeads, type JoinOptions, type LayerWeights } from "./layers.js";
import type { Float32Numbers } from "./numbers.js";

export type RolloutOptions = JoinOptions;

/**
 * Rollout(l) = A(l) Rollout(l - 1), with A of `joinHeads`.
 * @param layers weights of self-attention, the first layer first; give fewer of them for the rollout of an earlier one
 * @returns [B, S, S], or [S, S] where the weights have no batch: row = token of the last layer, column = input token; rows
 *   sum to 1
 * @throws TypeError or RangeError for weights that are none, or not square
 */
export function attentionRollout(layers: LayerWeights, options: RolloutOptions = {}): Float32Numbers {
  knownOptions(options, ["headFusion", "residual"]);
  checkJoin(options);
  const list = checkLayers(layers, true);
  const [{ batch, queries: n }] = list;
  const data = new Float32Array(batch * n * n);
  for (let b = 0; b < batch; b++) {
    const [first, ...rest] = list;
    let rollout = joinHeads(first, b, options);
    for (const layer of rest) rollout = product(joinHeads(layer, b, options), rollout, n);
    data.set(rollout, b * n * n);
  }
  return { data, shape: hasBatch(layers) ? [batch, n, n] : [n, n] };
}

/** Whether results keep the batch axis: weights of rank 4 have one. */
export function hasBatch(layers: LayerWeights): boolean {
  const first = (Array.isArray(layers) ? layers[0] : layers) as { shape?: readonly number[] };
  return first.shape?.length === 4;
}

/** a b, both [n, n] */
function product(a: Float64Array, b: Float64Array, n: number): Float64Array<ArrayBuffer> {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const weight = a[i * n + k]!;
      if (weight === 0) continue;
      for (let j = 0; j < n; j++) c[i * n + j]! += weight * b[k * n + j]!;
    }
  }
  return c;
}
