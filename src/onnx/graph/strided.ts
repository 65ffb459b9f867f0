// Reading a tensor with strides of one's own: broadcasts, transpositions, slices.
import { wrongValue } from "../../errors.js";
import { contiguousStrides, elements, showShape } from "../../shape.js";
import type { Call } from "./call.js";
import { arrayOf, type Value } from "./model.js";

/** The elements of `value` that lie at offset + sum of index * stride, row-major over shape. */
export function strided(value: Value, shape: readonly number[], strides: readonly number[], offset = 0): Value {
  const { type, data } = value;
  if (!data) return { type, shape, data };
  const result = arrayOf(type, elements(shape));
  const rank = shape.length;
  const size = rank > 0 ? shape[rank - 1]! : 1;
  const step = rank > 0 ? strides[rank - 1]! : 0;
  const index = new Array<number>(rank).fill(0);
  let at = offset;
  for (let start = 0; start < result.length; start += size) {
    for (let i = 0, from = at; i < size; i++, from += step) result[start + i] = data[from]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return { type, shape, data: result };
}

/** The shape that all are broadcast to; throws where they cannot be. */
export function broadcastShape(call: Call, values: readonly Value[]): number[] {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = values.map(({ shape }) => shape[shape.length - rank + axis] ?? 1);
    const size = sizes.find((n) => n !== 1) ?? 1;
    if (sizes.some((n) => n !== 1 && n !== size)) {
      const shapes = values.map(({ shape }) => showShape(shape)).join(" and ");
      throw wrongValue("ERR_SHAPE", `${call.where} must have inputs that broadcast to one another: got ${shapes}`);
    }
    return size;
  });
}

/** A value broadcast to a shape that it fits. */
export function broadcastTo(value: Value, shape: readonly number[]): Value {
  const lead = shape.length - value.shape.length;
  if (lead === 0 && value.shape.every((n, i) => n === shape[i])) return value;
  const own = contiguousStrides(value.shape);
  const strides = shape.map((_, i) => (i < lead || value.shape[i - lead] === 1 ? 0 : own[i - lead]!));
  return strided(value, shape, strides);
}
