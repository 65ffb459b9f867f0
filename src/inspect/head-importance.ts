// Which heads matter: by gradients, by what a head adds to the output of its layer.
//
// Sources: Michel, Levy and Neubig 2019, "Are sixteen heads really better than one?", eq. 2 and section 4.1; norms of what
// heads add: Kobayashi et al. 2020, "Attention is not only a weight", section 3.
import { wrongValue } from "../errors.js";
import { showShape } from "../shape.js";
import { checkFinite, checkNumbers, type Float32Numbers, listOf, type NumberArray, type Numbers } from "./numbers.js";

/**
 * I_h = mean over batch items of |sum over tokens and channels of output * gradient|: how much the loss would change, to
 * first order, were head h not there; each layer divided by its Euclidean norm, as the paper does.
 * @param outputs what the heads give, as `engine.attention` does: [B, H, S, Dv] or [H, S, Dv], of one layer or several
 * @param gradients of the loss by these outputs, of the same shapes
 * @returns float32 [layers, H]
 */
export function headImportance(
  outputs: Numbers | readonly Numbers[],
  gradients: Numbers | readonly Numbers[],
): Float32Numbers {
  const layers = checkOutputs("outputs", outputs);
  const slopes = checkOutputs("gradients", gradients);
  if (layers.length !== slopes.length) {
    throw wrongValue(
      "ERR_SHAPE",
      `gradients must have as many layers as outputs: expected ${layers.length}, got ${slopes.length}`,
    );
  }
  return perHead(layers, (layer, l) => {
    const slope = slopes[l]!;
    if (showShape(layer.shape) !== showShape(slope.shape)) {
      throw wrongValue(
        "ERR_SHAPE",
        `gradients[${l}].shape must be ${showShape(layer.shape)}: got ${showShape(slope.shape)}`,
      );
    }
    const { batch, heads, length, dim } = layer;
    const size = length * dim;
    const found = Array.from({ length: heads }, (_, h) => {
      let total = 0;
      for (let b = 0; b < batch; b++) {
        const from = (b * heads + h) * size;
        let sum = 0;
        for (let at = from; at < from + size; at++) sum += layer.data[at]! * slope.data[at]!;
        total += Math.abs(sum) / batch;
      }
      return total;
    });
    const norm = Math.hypot(...found);
    return norm > 0 ? found.map((value) => value / norm) : found;
  });
}

/**
 * The share of each head in what its layer gives: mean over tokens of |W_h o_h| / sum over heads of |W_h' o_h'|.
 * Needs no gradients.
 * @param outputs as for `headImportance`
 * @param projections weights of the output projection that joins the heads, [E, H * Dv] as PyTorch's `out_proj.weight`, one
 *   per layer; without them heads are taken as they are
 * @returns float32 [layers, H]; rows sum to 1
 */
export function headContribution(
  outputs: Numbers | readonly Numbers[],
  projections?: Numbers | readonly Numbers[],
): Float32Numbers {
  const layers = checkOutputs("outputs", outputs);
  const matrices =
    projections === undefined
      ? undefined
      : listOf("projections", projections as Numbers | readonly Numbers[]).map((matrix, l) => {
          const checked = checkNumbers(`projections[${l}]`, matrix, [2]);
          checkFinite(`projections[${l}]`, checked.data);
          return checked;
        });
  if (matrices && matrices.length !== layers.length) {
    throw wrongValue(
      "ERR_SHAPE",
      `projections must have as many layers as outputs: expected ${layers.length}, got ${matrices.length}`,
    );
  }
  return perHead(layers, (layer, l) => {
    const { batch, heads, length, dim } = layer;
    const matrix = matrices?.[l];
    if (matrix && matrix.shape[1] !== heads * dim) {
      throw wrongValue(
        "ERR_SHAPE",
        `projections[${l}].shape[1] must be H * Dv: expected ${heads * dim}, got ${matrix.shape[1]}`,
      );
    }
    const shares = new Array<number>(heads).fill(0);
    let tokens = 0;
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < length; i++) {
        const norms = shares.map((_, h) => normOf(layer, matrix, h, ((b * heads + h) * length + i) * dim));
        const sum = norms.reduce((total, norm) => total + norm, 0);
        if (sum === 0) continue;
        for (let h = 0; h < heads; h++) shares[h]! += norms[h]! / sum;
        tokens++;
      }
    }
    return shares.map((share) => share / Math.max(1, tokens));
  });
}

/** |W_h o_h| of the head output that begins at `from`. */
function normOf({ data, dim, heads }: Outputs, matrix: NumberArray | undefined, h: number, from: number): number {
  let squares = 0;
  if (!matrix) {
    for (let d = 0; d < dim; d++) squares += data[from + d]! ** 2;
    return Math.sqrt(squares);
  }
  for (let e = 0; e < matrix.shape[0]!; e++) {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += matrix.data[e * heads * dim + h * dim + d]! * data[from + d]!;
    squares += sum * sum;
  }
  return Math.sqrt(squares);
}

interface Outputs extends NumberArray {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly dim: number;
}

function checkOutputs(name: string, value: Numbers | readonly Numbers[]): readonly Outputs[] {
  const layers = listOf(name, value as Numbers | readonly Numbers[]).map((layer, l): Outputs => {
    const label = Array.isArray(value) ? `${name}[${l}]` : name;
    const { data, shape } = checkNumbers(label, layer, [3, 4]);
    checkFinite(label, data);
    const [dim, length, heads, batch = 1] = [...shape].reverse() as [number, number, number, number?];
    if (data.length === 0) throw wrongValue("ERR_SHAPE", `${label} must not be empty: got ${showShape(shape)}`);
    return { data, shape, batch, heads, length, dim };
  });
  for (const [l, { heads }] of layers.entries()) {
    if (heads !== layers[0]!.heads) {
      throw wrongValue(
        "ERR_SHAPE",
        `${name}[${l}] must have the ${layers[0]!.heads} heads of ${name}[0]: got ${heads}`,
      );
    }
  }
  return layers;
}

function perHead(
  layers: readonly Outputs[],
  measure: (layer: Outputs, l: number) => readonly number[],
): Float32Numbers {
  const heads = layers[0]!.heads;
  const data = new Float32Array(layers.length * heads);
  for (const [l, layer] of layers.entries()) data.set(measure(layer, l), l * heads);
  return { data, shape: [layers.length, heads] };
}
