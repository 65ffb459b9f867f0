// Attention of new tokens over what a KV cache has of their sequence: a step of decoding.
import type { AttentionOptions } from "../attention/options.js";
import type { KVCache } from "../cache/kv-cache.js";
import type { Keep } from "../composite.js";
import { wrongValue } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { attend, type Heads, positionedAt, projectBack, projectKeys, projectQuery } from "./heads.js";
import { withTemporaries } from "./temporaries.js";

/** Throws unless a cache has room for the heads of this layer. */
export function checkCache(H: Heads, cache: KVCache, batch: number): void {
  const { kvHeads, headDim } = H;
  const wanted = { batch, kvHeads, headDim, valueDim: headDim };
  for (const [name, size] of Object.entries(wanted)) {
    const got = cache[name as keyof typeof wanted];
    if (got !== size) throw wrongValue("ERR_SHAPE", `cache.${name} must be ${size}: got ${got}`);
  }
  const [first, ...others] = cache.lengths;
  if (others.some((length) => length !== first)) {
    throw wrongValue("ERR_VALUE", `the sequences of cache must be equally long: got ${cache.lengths}`);
  }
}

/**
 * Appends the new tokens of x to the cache, and gives their attention to all that is in it; when it fails, the cache has as
 * many tokens as before.
 */
export function runCached(
  H: Heads,
  x: Tensor,
  cache: KVCache,
  options: AttentionOptions,
  onWeights?: (weights: Tensor) => void,
): Tensor {
  const before = cache.lengths;
  try {
    return withTemporaries((keep) => {
      const offset = before[0] ?? 0;
      const [k, v] = projectKeys(H, x, x, keep);
      const q = positionedAt(H, projectQuery(H, x, keep), 0, offset, keep);
      cache.append(positionedAt(H, k, 1, offset, keep), v, { layout: "BSHD" });
      const attention: (query: Tensor, options: AttentionOptions) => Attended = cache.attention.bind(cache);
      const attended = attention(q, { ...options, layout: "BSHD", ...(onWeights && { returnWeights: true }) });
      return finish(H, x, attended, keep, onWeights);
    });
  } catch (error) {
    if (!cache.disposed && String(cache.lengths) !== String(before)) cache.truncate(before);
    throw error;
  }
}

/** Attention to keys and values that `projectKeys` has made. */
export function runProjected(
  H: Heads,
  x: Tensor,
  [k, v]: readonly [Tensor, Tensor],
  options: AttentionOptions,
  onWeights?: (weights: Tensor) => void,
): Tensor {
  return withTemporaries((keep) => {
    const attended = attend(H, projectQuery(H, x, keep), k, v, options, onWeights !== undefined, keep);
    return finish(H, x, attended, keep, onWeights);
  });
}

type Attended = { output: Tensor; weights?: Tensor };

/** Projects back, and hands over the weights [N, heads, L, S], without N where x has none. */
function finish(
  H: Heads,
  x: Tensor,
  { output, weights }: Attended,
  keep: Keep,
  onWeights?: (weights: Tensor) => void,
): Tensor {
  keep(output);
  if (weights) onWeights!(x.shape.length === 3 ? weights : keep(weights).select(0, 0));
  return projectBack(H, x, output, keep);
}

/** Keys and values of a sequence, made once for many calls of `runProjected`; the caller disposes of both. */
export function projected(H: Heads, memory: Tensor): [Tensor, Tensor] {
  const [k, v] = withTemporaries<readonly Tensor[]>((keep) => projectKeys(H, memory, memory, keep));
  return [k!, v!];
}
