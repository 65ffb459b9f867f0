// What rows and columns of weights say, in float64 from the whole matrix: the oracle of the option `statistics`.
import { causalBounds, type IntervalOptions } from "./interval.js";
import type { Result } from "./operand.js";

export interface ReferenceStatistics {
  /** [B, H, Sq]: -sum w ln w */
  readonly entropy: Float64Array;
  /** [B, H, Sq]: sum w |j - diagonal| / sum w */
  readonly distance: Float64Array;
  /** [B, H, Sq]: sum of w inside the window / sum w */
  readonly windowShare: Float64Array;
  /** [B, H, Sk]: sum over queries */
  readonly mass: Float64Array;
  /** [B, H, Sq]: sum w, less than 1 beside a sink */
  readonly sums: Float64Array;
}

/** @param weights [B, H, Sq, Sk] */
export function statistics(
  weights: Result,
  options: IntervalOptions,
  [left, right]: readonly [left: number, right: number],
): ReferenceStatistics {
  const [B, H, Sq, Sk] = weights.shape as [number, number, number, number];
  const rows = () => new Float64Array(B * H * Sq);
  const found = {
    entropy: rows(),
    distance: rows(),
    windowShare: rows(),
    mass: new Float64Array(B * H * Sk),
    sums: rows(),
  };
  for (let row = 0; row < B * H * Sq; row++) {
    const head = Math.floor(row / Sq);
    const { diagonal } = causalBounds(options, Math.floor(head / H), Sq, Sk);
    const position = (row % Sq) + diagonal;
    for (let j = 0; j < Sk; j++) {
      const w = weights.data[row * Sk + j]!;
      if (w === 0) continue;
      found.sums[row]! += w;
      found.entropy[row]! -= w * Math.log(w);
      found.distance[row]! += w * Math.abs(j - position);
      const inside = (left < 0 || j >= position - left) && (right < 0 || j <= position + right);
      if (inside) found.windowShare[row]! += w;
      found.mass[head * Sk + j]! += w;
    }
    if (found.sums[row]! > 0) {
      found.distance[row]! /= found.sums[row]!;
      found.windowShare[row]! /= found.sums[row]!;
    }
  }
  return found;
}
