// Element-wise steps on tensors in memory: activations, and two operands combined.
import type { Core } from "../engine/core.js";
import { elements } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { BINARY_ADD, CONSTANTS } from "./abi.generated.js";
import { layerKernels } from "./kernels.js";
import type { Activation } from "./product.js";
import { blank, dense, withTemporaries } from "./temporaries.js";

/** A new tensor f(x). */
export function activated(core: Core, x: Tensor, { kind, alpha = 1 }: Activation): Tensor {
  return withTemporaries((keep) => {
    const from = dense(core, x, keep);
    const to = keep(blank(core, x.shape));
    core.call((scope) => {
      const constants = scope.allocate(CONSTANTS);
      layerKernels(core).activate(kind, from.address, to.address, elements(x.shape), alpha, constants);
    });
    return to;
  });
}

/**
 * A new tensor a combined with b, one of BINARY_*; b has the shape of a, or of its last axes, or [1].
 * @param alpha of BINARY_SWIGLU and BINARY_LERP
 */
export function combined(core: Core, kind: number, a: Tensor, b: Tensor, alpha = 0): Tensor {
  return withTemporaries((keep) => {
    const [x, y] = [dense(core, a, keep), dense(core, b, keep)];
    const to = keep(blank(core, a.shape));
    const n = elements(b.shape);
    const rows = n === 0 ? 0 : elements(a.shape) / n;
    core.call((scope) => {
      const constants = scope.allocate(CONSTANTS);
      const row = rows === 1 ? 0 : n * 4;
      layerKernels(core).combineRows(kind, x.address, row, y.address, 0, to.address, row, rows, n, alpha, constants);
    });
    return to;
  });
}

/** A new tensor a + b. */
export function sum(core: Core, a: Tensor, b: Tensor): Tensor {
  return combined(core, BINARY_ADD, a, b);
}
