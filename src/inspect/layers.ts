// The attention weights of a model, layer by layer, as every measure here takes them.
import { show, wrongKind, wrongValue } from "../errors.js";
import { showShape } from "../shape.js";
import { checkNumbers, listOf, type Numbers } from "./numbers.js";

/**
 * Weights of one layer or of several, the first layer first: each [B, H, Sq, Sk], [H, Sq, Sk] or [Sq, Sk], as
 * `engine.attention(..., { returnWeights: true })` gives them.
 */
export type LayerWeights = Numbers | readonly Numbers[];

/** One layer seen as [B, H, Sq, Sk]. */
export interface Layer {
  readonly name: string;
  readonly data: ArrayLike<number>;
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
}

/**
 * Checks the weights of all layers: the same shape in each, no entry negative or not finite.
 * @param square whether queries and keys must be the same tokens
 */
export function checkLayers(layers: LayerWeights, square = false): readonly [Layer, ...Layer[]] {
  const list = listOf("layers", layers as Numbers | readonly Numbers[]);
  const checked = list.map((layer, i): Layer => {
    const name = Array.isArray(layers) ? `layers[${i}]` : "layers";
    const { data, shape } = checkNumbers(name, layer, [2, 3, 4]);
    const [keys, queries, heads = 1, batch = 1] = [...shape].reverse() as [number, number, number?, number?];
    if (square && queries !== keys) {
      throw wrongValue("ERR_SHAPE", `${name} must have as many queries as keys: got ${showShape(shape)}`);
    }
    if (heads === 0 || queries === 0 || keys === 0 || batch === 0) {
      throw wrongValue("ERR_SHAPE", `${name} must not be empty: got ${showShape(shape)}`);
    }
    for (let at = 0; at < data.length; at++) {
      if (!(data[at]! >= 0 && data[at]! < Infinity)) {
        throw wrongValue("ERR_VALUE", `${name}.data[${at}] must be a weight, finite and at least 0: got ${data[at]}`);
      }
    }
    return { name, data, batch, heads, queries, keys };
  });
  const sizes = ({ batch, heads, queries, keys }: Layer) => showShape([batch, heads, queries, keys]);
  for (const layer of checked) {
    if (sizes(layer) !== sizes(checked[0]!)) {
      throw wrongValue(
        "ERR_SHAPE",
        `${layer.name} must have the shape of layers[0], ${sizes(checked[0]!)}: got ${sizes(layer)}`,
      );
    }
  }
  return checked as unknown as readonly [Layer, ...Layer[]];
}

const FUSIONS = ["mean", "max", "min"] as const;
/** How the heads of a layer become one matrix. */
export type HeadFusion = (typeof FUSIONS)[number];

export interface JoinOptions {
  /** Default `'mean'`, as in the paper. */
  readonly headFusion?: HeadFusion;
  /** Whether the residual connection counts, as half of what passes; default true. */
  readonly residual?: boolean;
}

/**
 * One matrix per layer of batch item b: heads fused, then A = (W + I) / its row sums, which is 0.5 W + 0.5 I where rows
 * of W sum to 1 (Abnar and Zuidema 2020, section 3). A row without any weight passes on what it has itself.
 */
export function joinHeads(layer: Layer, b: number, options: JoinOptions): Float64Array<ArrayBuffer> {
  const { headFusion = "mean", residual = true } = options;
  const { data, heads, queries, keys } = layer;
  const size = queries * keys;
  const joined = new Float64Array(size).fill(headFusion === "min" ? Infinity : 0);
  for (let h = 0; h < heads; h++) {
    const from = (b * heads + h) * size;
    for (let at = 0; at < size; at++) {
      const weight = data[from + at]!;
      if (headFusion === "mean") joined[at]! += weight / heads;
      else joined[at] = headFusion === "max" ? Math.max(joined[at]!, weight) : Math.min(joined[at]!, weight);
    }
  }
  for (let i = 0; i < queries; i++) {
    if (residual) joined[i * keys + i]! += 1;
    const row = joined.subarray(i * keys, (i + 1) * keys);
    const sum = row.reduce((total, weight) => total + weight, 0);
    if (sum > 0) for (let j = 0; j < keys; j++) row[j]! /= sum;
  }
  return joined;
}

export function checkJoin(options: JoinOptions): void {
  const { headFusion = "mean", residual = true } = options;
  if (!FUSIONS.includes(headFusion)) {
    throw wrongValue("ERR_VALUE", `headFusion must be 'mean', 'max' or 'min': got ${show(headFusion)}`);
  }
  if (typeof residual !== "boolean") {
    throw wrongKind("ERR_ARGUMENT_TYPE", `residual must be true or false: got ${show(residual)}`);
  }
}
