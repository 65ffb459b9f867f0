// Which heads say the same: the Jensen-Shannon divergence between the weights of two heads, query by query.
//
// Source: Clark et al. 2019, "What does BERT look at?", section 6 (there a sum over tokens, here a mean, in bits, so that
// 0 is the same and 1 shares no key).
import { checkLayers, type LayerWeights } from "./layers.js";
import type { Float32Numbers } from "./numbers.js";

export interface HeadDiversity {
  /** [layers * H, layers * H]: 0 where two heads attend alike, 1 where they never attend to the same key */
  readonly divergence: Float32Numbers;
  /** For each head of `divergence` the one most like it; -1 where there is only one. */
  readonly nearest: Int32Array;
  /** [layers]: the mean divergence between heads of the same layer; 0 where a layer has one head */
  readonly diversity: Float32Numbers;
}

/**
 * Compares every head with every other, of all layers; head h of layer l is row l * H + h.
 * Rows that are empty in either head do not count.
 */
export function headDiversity(layers: LayerWeights): HeadDiversity {
  const list = checkLayers(layers);
  const [{ heads, batch, queries, keys }] = list;
  const total = list.length * heads;
  const divergence = new Float32Array(total * total);
  const row = (index: number, b: number, i: number) => {
    const { data } = list[Math.floor(index / heads)]!;
    return [data, ((b * heads + (index % heads)) * queries + i) * keys] as const;
  };
  for (let p = 0; p < total; p++) {
    for (let q = p + 1; q < total; q++) {
      let sum = 0;
      let rows = 0;
      for (let b = 0; b < batch; b++) {
        for (let i = 0; i < queries; i++) {
          const found = jensenShannon(...row(p, b, i), ...row(q, b, i), keys);
          if (found === undefined) continue;
          sum += found;
          rows++;
        }
      }
      divergence[p * total + q] = divergence[q * total + p] = rows > 0 ? sum / rows : 0;
    }
  }
  const nearest = Int32Array.from({ length: total }, (_, p) => {
    let best = -1;
    for (let q = 0; q < total; q++) {
      if (q !== p && (best < 0 || divergence[p * total + q]! < divergence[p * total + best]!)) best = q;
    }
    return best;
  });
  const diversity = Float32Array.from(list, (_, l) => {
    let sum = 0;
    for (let p = l * heads; p < (l + 1) * heads; p++) {
      for (let q = l * heads; q < (l + 1) * heads; q++) sum += divergence[p * total + q]!;
    }
    return heads > 1 ? sum / (heads * (heads - 1)) : 0;
  });
  return {
    divergence: { data: divergence, shape: [total, total] },
    nearest,
    diversity: { data: diversity, shape: [list.length] },
  };
}

/** In bits, of two rows of n weights each brought to the sum 1; undefined where one of them is empty. */
function jensenShannon(
  x: ArrayLike<number>,
  fromX: number,
  y: ArrayLike<number>,
  fromY: number,
  n: number,
): number | undefined {
  let sumX = 0;
  let sumY = 0;
  for (let j = 0; j < n; j++) {
    sumX += x[fromX + j]!;
    sumY += y[fromY + j]!;
  }
  if (sumX === 0 || sumY === 0) return undefined;
  let divergence = 0;
  for (let j = 0; j < n; j++) {
    const p = x[fromX + j]! / sumX;
    const q = y[fromY + j]! / sumY;
    const middle = (p + q) / 2;
    if (p > 0) divergence += (p / 2) * Math.log2(p / middle);
    if (q > 0) divergence += (q / 2) * Math.log2(q / middle);
  }
  return Math.min(1, Math.max(0, divergence));
}
