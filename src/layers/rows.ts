// Steps on rows of tensors in memory: normalisation and softmax.
import type { Core } from "../engine/core.js";
import { elements } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { CONSTANTS, normParameters } from "./abi.generated.js";
import { layerKernels } from "./kernels.js";
import { rowsOf } from "./product.js";
import { blank, dense, permuted, withTemporaries } from "./temporaries.js";

export interface Normalization {
  /** Elements of a row: the product of the last axes. */
  readonly width: number;
  readonly epsilon: number;
  readonly rootMeanSquare: boolean;
  readonly weight?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
  /** Tensors of one element per row, which are written. */
  readonly mean?: Tensor;
  readonly inverseDeviation?: Tensor;
}

/** A new tensor: LayerNorm or RMSNorm over the last axes. */
export function normalized(core: Core, x: Tensor, norm: Normalization): Tensor {
  return withTemporaries((keep) => {
    const to = keep(blank(core, x.shape));
    if (elements(x.shape) === 0) return to;
    const { width } = norm;
    const single = width === x.shape.at(-1);
    const from = single
      ? rowsOf(core, x, keep)
      : { address: dense(core, x, keep).address, rows: elements(x.shape) / width, stride: width * 4 };
    core.call((scope) => {
      const parameters = scope.block(normParameters, {
        rows: from.rows,
        width,
        rootMeanSquare: norm.rootMeanSquare ? 1 : 0,
        epsilon: norm.epsilon,
        input: from.address,
        inputRow: from.stride,
        output: to.address,
        weight: norm.weight?.address ?? 0,
        bias: norm.bias?.address ?? 0,
        mean: norm.mean?.address ?? 0,
        inverseDeviation: norm.inverseDeviation?.address ?? 0,
      });
      layerKernels(core).normalize(parameters);
    });
    return to;
  });
}

/** A new tensor: softmax, or its logarithm, along one axis. */
export function softmaxAlong(core: Core, x: Tensor, axis: number, logarithm: boolean): Tensor {
  return withTemporaries((keep) => {
    const rank = x.shape.length;
    const order = x.shape.map((_, i) => i).filter((i) => i !== axis);
    order.push(axis);
    const last = axis === rank - 1;
    const from = last ? x : keep(permuted(core, x, order));
    const to = keep(blank(core, from.shape));
    const n = from.shape.at(-1)!;
    const { address, rows, stride } = rowsOf(core, from, keep);
    core.call((scope) => {
      const constants = scope.allocate(CONSTANTS);
      const kernels = layerKernels(core);
      if (n > 0) kernels.softmaxRows(address, stride, to.address, rows, n, logarithm ? 1 : 0, constants);
    });
    if (last) return to;
    // Back: axis i of the result is where i went
    return keep(
      permuted(
        core,
        to,
        order.map((_, i) => order.indexOf(i)),
      ),
    );
  });
}
