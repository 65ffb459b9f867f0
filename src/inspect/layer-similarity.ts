// How alike two layers represent the same tokens, whatever the rotation and scale of their channels: linear CKA.
//
// Source: Kornblith et al. 2019, "Similarity of neural network representations revisited", section 3 and table 1:
// CKA(X, Y) = |Y^T X|_F^2 / (|X^T X|_F |Y^T Y|_F), the columns of X and Y centred.
import { wrongValue } from "../errors.js";
import { elements } from "../shape.js";
import { checkFinite, checkNumbers, type Float32Numbers, type Numbers } from "./numbers.js";

/**
 * Linear CKA of every pair of layers.
 * @param layers what each layer gives for the same tokens: [..., D], all axes before the last being tokens; D may differ
 * @returns float32 [layers, layers], 0 to 1; 1 on the diagonal. A layer that gives the same for every token is like nothing: 0
 */
export function layerSimilarity(layers: readonly Numbers[]): Float32Numbers {
  if (!Array.isArray(layers) || layers.length === 0) {
    throw wrongValue("ERR_VALUE", "layers must be an array of at least one tensor");
  }
  const centred = layers.map((layer, l) => centre(`layers[${l}]`, layer));
  for (const [l, { tokens }] of centred.entries()) {
    if (tokens !== centred[0]!.tokens) {
      throw wrongValue(
        "ERR_SHAPE",
        `layers[${l}] must have the ${centred[0]!.tokens} tokens of layers[0]: got ${tokens}`,
      );
    }
  }
  const n = layers.length;
  const norms = centred.map((layer) => Math.sqrt(crossNorm(layer, layer)));
  const data = new Float32Array(n * n);
  for (let p = 0; p < n; p++) {
    for (let q = p; q < n; q++) {
      const scale = norms[p]! * norms[q]!;
      data[p * n + q] = data[q * n + p] = scale > 0 ? Math.min(1, crossNorm(centred[p]!, centred[q]!) / scale) : 0;
    }
  }
  return { data, shape: [n, n] };
}

interface Centred {
  readonly tokens: number;
  readonly dim: number;
  /** [tokens, dim], the mean of each column 0 */
  readonly data: Float64Array;
}

function centre(name: string, layer: Numbers): Centred {
  const { data, shape } = checkNumbers(name, layer, [2, 3, 4, 5]);
  checkFinite(name, data);
  const dim = shape.at(-1)!;
  const tokens = elements(shape.slice(0, -1));
  if (tokens === 0 || dim === 0) throw wrongValue("ERR_SHAPE", `${name} must not be empty`);
  const centred = Float64Array.from(data);
  for (let d = 0; d < dim; d++) {
    let sum = 0;
    for (let at = d; at < centred.length; at += dim) sum += centred[at]!;
    for (let at = d; at < centred.length; at += dim) centred[at]! -= sum / tokens;
  }
  return { tokens, dim, data: centred };
}

/** |Y^T X|_F^2: over channels, or, where there are fewer tokens than channels, as the sum of (X X^T) * (Y Y^T). */
function crossNorm(x: Centred, y: Centred): number {
  let sum = 0;
  if (x.dim * y.dim <= x.tokens * x.tokens) {
    for (let c = 0; c < x.dim; c++) {
      for (let d = 0; d < y.dim; d++) {
        let dot = 0;
        for (let i = 0; i < x.tokens; i++) dot += x.data[i * x.dim + c]! * y.data[i * y.dim + d]!;
        sum += dot * dot;
      }
    }
    return sum;
  }
  for (let i = 0; i < x.tokens; i++) {
    for (let j = 0; j < x.tokens; j++) sum += dotRows(x, i, j) * dotRows(y, i, j);
  }
  return sum;
}

function dotRows({ data, dim }: Centred, i: number, j: number): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += data[i * dim + d]! * data[j * dim + d]!;
  return sum;
}
