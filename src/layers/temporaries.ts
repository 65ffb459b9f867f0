// Tensors that live as long as a step of a layer, and what steps are made of: float32 tensors in memory, in and out.
import type { Core } from "../engine/core.js";
import type { Keep } from "../composite.js";
import { broadcastStrides, elements, isContiguous } from "../shape.js";
import { Tensor } from "../tensor.js";
import { copyParameters } from "./abi.generated.js";
import { layerKernels } from "./kernels.js";

/** Runs with temporaries that are disposed of at the end, however it ends; all but what it gives. */
export function withTemporaries<R extends Tensor | readonly (Tensor | undefined)[]>(run: (keep: Keep) => R): R {
  const temporaries: Tensor[] = [];
  const keep: Keep = (tensor) => {
    temporaries.push(tensor);
    return tensor;
  };
  let given: readonly (Tensor | undefined)[] = [];
  try {
    const result = run(keep);
    given = result instanceof Tensor ? [result] : result;
    return result;
  } finally {
    for (const tensor of temporaries) if (!given.includes(tensor)) tensor.dispose();
  }
}

/** A new float32 tensor, its elements undefined. */
export function blank(core: Core, shape: readonly number[]): Tensor {
  return Tensor.allocate(core, shape, "float32");
}

/** A new float32 tensor of zeros. */
export function zeros(core: Core, shape: readonly number[]): Tensor {
  const tensor = blank(core, shape);
  new Float32Array(core.memory.memory.buffer, tensor.address, elements(shape)).fill(0);
  return tensor;
}

/** The tensor itself where its elements lie in row-major order, else a copy that does. */
export function dense(core: Core, x: Tensor, keep: Keep): Tensor {
  return isContiguous(x.shape, x.strides) ? x : keep(copy(core, x));
}

/** A row-major copy; of another shape where the elements are to be read with other strides. */
export function copy(core: Core, x: Tensor, shape = x.shape, strides = x.strides): Tensor {
  const { address } = x;
  const to = blank(core, shape);
  if (shape.includes(0)) return to;
  core.call((scope) => {
    const parameters = scope.block(copyParameters, {
      rank: Math.max(1, shape.length),
      shape: scope.copyIn(Int32Array.from(shape.length > 0 ? shape : [1])),
      fromStrides: scope.copyIn(Int32Array.from(shape.length > 0 ? strides : [1])),
      from: address,
      to: to.address,
    });
    layerKernels(core).copyStrided(parameters);
  });
  return to;
}

/** x broadcast to another shape, row-major. */
export function expanded(core: Core, x: Tensor, shape: readonly number[]): Tensor {
  return copy(core, x, shape, broadcastStrides("tensor", x.shape, x.strides, shape));
}

/** x with axes in another order, row-major. */
export function permuted(core: Core, x: Tensor, axes: readonly number[]): Tensor {
  return withTemporaries((keep) => copy(core, keep(x.permute(axes))));
}
