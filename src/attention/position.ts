// Biases and angles that follow from positions alone.
import { integer } from "../checks.js";
import { exp, log } from "./elementary.js";

/**
 * The slopes of ALiBi, float32 [heads]: 2^(-8 (h + 1) / heads) where heads is a power of two; else those of the next
 * lower power, then every other one of twice that power. Press et al. 2022 (arXiv 2108.12409), section 3 and its code.
 * @throws RangeError unless heads is an integer of at least 1
 */
export function alibiSlopes(heads: number): Float32Array {
  integer("heads", heads, 1, 2 ** 20);
  const power = 2 ** Math.floor(Math.log2(heads));
  const slope = (h: number, of: number) => exp(((-8 * (h + 1)) / of) * Math.LN2);
  return Float32Array.from({ length: heads }, (_, h) =>
    h < power ? slope(h, power) : slope(2 * (h - power), 2 * power),
  );
}

/**
 * T5's bucket of a distance (key position - query position): the first half of a side's buckets hold one distance
 * each, the rest grow logarithmically up to maxDistance. Raffel et al. 2020, section 2.1 and its code.
 */
function relativeBucket(distance: number, buckets: number, bidirectional: boolean, maxDistance: number): number {
  let first = 0;
  let n = -distance;
  let side = buckets;
  if (bidirectional) {
    side = buckets / 2;
    if (distance > 0) first = side;
    n = Math.abs(distance);
  }
  n = Math.max(n, 0);
  const exact = Math.floor(side / 2);
  if (n < exact) return first + n;
  const growth = log(n / exact) / log(maxDistance / exact);
  // The small constant keeps a distance that lies exactly on a boundary in the bucket it opens
  return first + Math.min(side - 1, exact + Math.floor(growth * (side - exact) + 1e-9));
}

/** float32 [heads, 2 maxDistance + 1] from T5's table [buckets, heads]; distances beyond share the last bucket. */
export function bucketedBias(
  table: Float32Array,
  buckets: number,
  heads: number,
  bidirectional: boolean,
  maxDistance: number,
): Float32Array {
  const width = 2 * maxDistance + 1;
  const result = new Float32Array(heads * width);
  for (let i = 0; i < width; i++) {
    const bucket = relativeBucket(i - maxDistance, buckets, bidirectional, maxDistance);
    for (let h = 0; h < heads; h++) result[h * width + i] = table[bucket * heads + h]!;
  }
  return result;
}
