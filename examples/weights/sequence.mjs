// Weights of sequence.mjs, written by hand. Each direction of the GRU has one unit, a running mean of what it has read: the
// gate z is always 0.9, so that h' = 0.1 n + 0.9 h. Where the mean of the past and that of the future differ most, there the level
// changed; attention pooling looks there, and what it brings back are both means.
import { Weights } from "./blank.mjs";

const KEPT = 0.9;
/** So small that tanh(x) = x. */
const SMALL = 0.05;

export function changeByHand(model) {
  const weights = new Weights(model);
  const H = weights.get("encoder.weight_hh_l0").shape[1];
  for (const suffix of ["l0", "l0_reverse"]) {
    // Gates [r, z, n] of H rows each
    weights.put(`encoder.bias_ih_${suffix}`, [H], Math.log(KEPT / (1 - KEPT)));
    weights.put(`encoder.weight_ih_${suffix}`, [2 * H, 0], SMALL);
  }
  // Two units, for falls and for rises: nearly -1 up to a difference of about one standard deviation, then more
  for (const [unit, sign] of [1, -1].entries()) {
    weights.put("pooling.W.weight", [unit, 0], (2 * sign) / SMALL);
    weights.put("pooling.W.weight", [unit, H], (-2 * sign) / SMALL);
    weights.put("pooling.W.bias", [unit], -2.4);
    weights.put("pooling.u.weight", [0, unit], 8);
  }
  for (const [level, direction] of [0, H].entries()) weights.put("head.weight", [level, direction], 1 / SMALL);
  return weights;
}
