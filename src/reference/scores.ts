// The parts of one score: how alike a query and a key are, what is added to it, and whether the key is seen at all.
import type { Interval, IntervalOptions } from "./interval.js";
import { broadcastAt, type Operand } from "./operand.js";

export type Similarity = "dot" | "cosine" | "euclidean" | "squared-euclidean";

export interface ScoreOptions extends IntervalOptions {
  readonly similarity?: Similarity;
  /** Not 0 = attend; broadcast to [B, H, Sq, Sk] */
  readonly mask?: Operand;
  /** Added; broadcast to [B, H, Sq, Sk] */
  readonly bias?: Operand;
  /** [Sq] or [B, Sq], [Sk] or [B, Sk]: a query sees the keys that have its id. */
  readonly segments?: { readonly query: Operand; readonly key: Operand };
  /** The predicate that a block mask was built from. */
  readonly visible?: (b: number, h: number, i: number, j: number) => boolean;
  /** [H] */
  readonly alibiSlopes?: ArrayLike<number>;
  readonly relativeBias?: Operand | ReferenceBuckets;
}

/** T5's table [buckets, H] of learned biases. */
export interface ReferenceBuckets {
  readonly table: Operand;
  readonly bidirectional?: boolean;
  readonly maxDistance?: number;
}

/** Before the scale; distances come negated, so that near means similar. */
export function similarityOf(similarity: Similarity, q: Float64Array, k: Float64Array): number {
  switch (similarity) {
    case "dot":
      return dot(q, k);
    case "cosine":
      return dot(q, k) / (Math.max(norm(q), 1e-8) * Math.max(norm(k), 1e-8));
    case "euclidean":
      return -Math.sqrt(squaredDistance(q, k));
    case "squared-euclidean":
      return -squaredDistance(q, k);
  }
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < x.length; d++) sum += x[d]! * y[d]!;
  return sum;
}

function squaredDistance(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < x.length; d++) sum += (x[d]! - y[d]!) ** 2;
  return sum;
}

function norm(x: Float64Array): number {
  return Math.sqrt(dot(x, x));
}

/** Everything that is added to the score of query i and key j. */
export function biasOf(options: ScoreOptions, interval: Interval, b: number, h: number, i: number, j: number): number {
  const distance = j - (i + interval.diagonal);
  let bias = 0;
  if (options.bias) bias += broadcastAt(options.bias, b, h, i, j);
  // ALiBi: Press et al. 2022, section 3
  if (options.alibiSlopes) bias -= options.alibiSlopes[h]! * Math.abs(distance);
  if (options.relativeBias) bias += relativeBiasOf(options.relativeBias, h, distance);
  return bias;
}

function relativeBiasOf(relative: Operand | ReferenceBuckets, h: number, distance: number): number {
  if ("table" in relative) {
    const { table, bidirectional = true, maxDistance = 128 } = relative;
    const [buckets, heads] = table.shape as [number, number];
    return table.data[bucketOf(distance, buckets, bidirectional, maxDistance) * heads + h]!;
  }
  // Shaw et al. 2018, section 3.2: distances are clamped to [-R, R]
  const [heads, width] = relative.shape as [number, number];
  const radius = (width - 1) / 2;
  const clamped = Math.max(-radius, Math.min(radius, distance));
  return relative.data[(heads === 1 ? 0 : h) * width + clamped + radius]!;
}

/**
 * T5's rule (Raffel et al. 2020, section 2.1; `_relative_position_bucket` of its code): half of the buckets hold one
 * distance each, the others grow logarithmically up to maxDistance.
 */
export function bucketOf(distance: number, buckets: number, bidirectional: boolean, maxDistance: number): number {
  let first = 0;
  let n = buckets;
  let behind = Math.max(0, -distance);
  if (bidirectional) {
    n = Math.floor(buckets / 2);
    if (distance > 0) first = n;
    behind = Math.abs(distance);
  }
  const exact = Math.floor(n / 2);
  if (behind < exact) return first + behind;
  const logarithmic = (Math.log(behind / exact) / Math.log(maxDistance / exact)) * (n - exact);
  // A distance that lies exactly on a boundary opens its bucket, whatever the last bit of the logarithms
  return first + Math.min(n - 1, exact + Math.floor(logarithmic + 1e-9));
}

/** Whether query i may see key j. */
export function visibleTo(
  options: ScoreOptions,
  interval: Interval,
  b: number,
  h: number,
  i: number,
  j: number,
): boolean {
  const position = i + interval.diagonal;
  return (
    i < interval.queryLength &&
    j < interval.keyLength &&
    j >= position - interval.left &&
    j <= position + interval.right &&
    (!options.mask || broadcastAt(options.mask, b, h, i, j) !== 0) &&
    (!options.segments || broadcastAt(options.segments.query, b, i) === broadcastAt(options.segments.key, b, j)) &&
    (!options.visible || options.visible(b, h, i, j))
  );
}
