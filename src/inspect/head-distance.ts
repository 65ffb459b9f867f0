// Is a head local or global: how far it looks, how much of it stays inside a window, how many keys it spreads over.
// Every measure is a mean over queries and batch items of what the rows of weights say; rows without weight are left out.
//
// Sources: mean attention distance: Dosovitskiy et al. 2020 (ViT), figure 7 and appendix D.7; entropy: Clark et al. 2019,
// section 3.3; confidence: Voita et al. 2019, section 4.
import { integer, knownOptions } from "../checks.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { checkLayers, type Layer, type LayerWeights } from "./layers.js";
import type { Float32Numbers } from "./numbers.js";

export interface DistanceOptions {
  /** Tokens are the cells of a picture, row by row: distances are Euclidean, in cells. */
  readonly grid?: readonly [height: number, width: number];
  /** Query i stands at key i + offset; default 0. */
  readonly offset?: number;
}

/** The mean distance between a query and the keys it attends to, in tokens: float32 [layers, H]. */
export function headDistance(layers: LayerWeights, options: DistanceOptions = {}): Float32Numbers {
  knownOptions(options, ["grid", "offset"]);
  const list = checkLayers(layers);
  const offset = checkOffset(options.offset);
  const width = options.grid === undefined ? undefined : checkGrid(options.grid, list[0]);
  const distance = (i: number, j: number) => {
    if (width === undefined) return Math.abs(i + offset - j);
    const at = i + offset;
    return Math.hypot(Math.floor(at / width) - Math.floor(j / width), (at % width) - (j % width));
  };
  return meanOverRows(list, (row, i, sum) => {
    let total = 0;
    for (let j = 0; j < row.length; j++) total += row[j]! * distance(i, j);
    return total / sum;
  });
}

/** The share of the weight that lies at most `left` keys before and `right` keys after the query: float32 [layers, H]. */
export function headWindowShare(
  layers: LayerWeights,
  window: readonly [left: number, right: number],
  options: { readonly offset?: number } = {},
): Float32Numbers {
  knownOptions(options, ["offset"]);
  const list = checkLayers(layers);
  if (!Array.isArray(window) || window.length !== 2) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `window must be [left, right]: got ${show(window)}`);
  }
  const [left, right] = [integer("window[0]", window[0], -1), integer("window[1]", window[1], -1)];
  const offset = checkOffset(options.offset);
  return meanOverRows(list, (row, i, sum) => {
    const from = left < 0 ? 0 : Math.max(0, i + offset - left);
    const to = right < 0 ? row.length - 1 : Math.min(row.length - 1, i + offset + right);
    let inside = 0;
    for (let j = from; j <= to; j++) inside += row[j]!;
    return inside / sum;
  });
}

/** The entropy of the weights in nats, 0 for one key, ln Sk for all alike: float32 [layers, H]. */
export function headEntropy(layers: LayerWeights): Float32Numbers {
  return meanOverRows(checkLayers(layers), (row) => row.reduce((sum, w) => (w > 0 ? sum - w * Math.log(w) : sum), 0));
}

/** The largest weight of a row, in the mean: float32 [layers, H]. */
export function headConfidence(layers: LayerWeights): Float32Numbers {
  return meanOverRows(checkLayers(layers), (row) => row.reduce((most, w) => Math.max(most, w), 0));
}

function meanOverRows(
  layers: readonly Layer[],
  measure: (row: Float64Array, query: number, sum: number) => number,
): Float32Numbers {
  const heads = layers[0]!.heads;
  const data = new Float32Array(layers.length * heads);
  for (const [l, { data: weights, batch, queries, keys }] of layers.entries()) {
    const row = new Float64Array(keys);
    for (let h = 0; h < heads; h++) {
      let total = 0;
      let rows = 0;
      for (let b = 0; b < batch; b++) {
        for (let i = 0; i < queries; i++) {
          const from = ((b * heads + h) * queries + i) * keys;
          let sum = 0;
          for (let j = 0; j < keys; j++) sum += row[j] = weights[from + j]!;
          if (sum === 0) continue;
          total += measure(row, i, sum);
          rows++;
        }
      }
      data[l * heads + h] = rows > 0 ? total / rows : 0;
    }
  }
  return { data, shape: [layers.length, heads] };
}

function checkOffset(offset: unknown): number {
  return offset === undefined ? 0 : integer("offset", offset, -(2 ** 30), 2 ** 30);
}

function checkGrid(grid: readonly [number, number], { queries, keys }: Layer): number {
  if (!Array.isArray(grid) || grid.length !== 2) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `grid must be [height, width]: got ${show(grid)}`);
  }
  const [height, width] = [integer("grid[0]", grid[0], 1), integer("grid[1]", grid[1], 1)];
  if (height * width !== keys || queries !== keys) {
    throw wrongValue(
      "ERR_SHAPE",
      `grid must have as many cells as there are queries and keys: got ${height} x ${width} for ${queries} and ${keys}`,
    );
  }
  return width;
}
