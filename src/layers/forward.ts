// From what callers hand over to float32 tensors in memory and back, for layers with one main input.
import { composite, type Keep } from "../composite.js";
import type { Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";
import { floatCode, type Operand, operand } from "../operand.js";
import { showShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { AnyTensor } from "../attention/options.js";

/** One tensor in, one out, of the same side and dtype. `check` throws before anything is written. */
export function mapTensor<T extends AnyTensor>(
  core: Core,
  x: T,
  check: (x: Operand) => void,
  run: (x: Tensor, keep: Keep) => Tensor,
): T {
  core.open();
  const input = operand(core, "x", x);
  floatCode(input);
  check(input);
  return composite(core, [input], ["output"], ([tensor], keep) => ({ output: run(tensor!, keep) })).output as T;
}

/** Throws unless the last axes of x are these. */
export function lastAxes({ name, shape }: Operand, sizes: readonly number[]): void {
  const rank = sizes.length;
  if (shape.length < rank || sizes.some((size, i) => shape[shape.length - rank + i] !== size)) {
    throw wrongValue("ERR_SHAPE", `${name}.shape must end in ${sizes.join(", ")}: got ${showShape(shape)}`);
  }
}

/** An axis as callers name it, negative from the end; throws unless x has it. */
export function axisOf(name: string, axis: number, { shape }: Operand): number {
  const rank = shape.length;
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw wrongValue("ERR_VALUE", `${name} must be an integer from ${-rank} to ${rank - 1}: got ${axis}`);
  }
  return axis < 0 ? axis + rank : axis;
}
