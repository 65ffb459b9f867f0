// Operators along axes: sums, extremes, means, softmax.
import { wrongKind } from "../../errors.js";
import { contiguousStrides, elements } from "../../shape.js";
import type { Operator } from "./call.js";
import { arrayOf, isFloat } from "./model.js";
import { axesOf } from "./shaping.js";
import { strided } from "./strided.js";

/** @param last applied to what `f` made of the n elements, starting from `first` */
function reduction(
  first: number,
  f: (sum: number, x: number) => number,
  last: (sum: number, n: number) => number = (sum) => sum,
): Operator {
  return {
    inputs: [1, 2],
    attributes: { axes: "ints", keepdims: "int", noop_with_empty_axes: "int" },
    rule: (call) => {
      const value = call.input(0);
      const { type, shape } = value;
      if (type === "bool") throw wrongKind("ERR_DTYPE", `${call.where} must have inputs of numbers: got bool`);
      const given = axesOf(call, shape.length);
      const none = given === undefined || given.length === 0;
      if (none && call.int("noop_with_empty_axes", 0) === 1) return value;
      const axes = none ? shape.map((_, i) => i) : given;
      const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
      const sizes = shape.map((n, i) => (axes.includes(i) ? 1 : n));
      const outShape = call.int("keepdims", 1) === 1 ? sizes : kept.map((i) => shape[i]!);
      if (!value.data) return { type, shape: outShape, data: undefined };
      // Reduced axes last, so that they are runs
      const order = [...kept, ...axes];
      const strides = contiguousStrides(shape);
      const runs = strided(
        value,
        order.map((i) => shape[i]!),
        order.map((i) => strides[i]!),
      ).data!;
      const data = arrayOf(type, elements(sizes));
      const n = elements(axes.map((i) => shape[i]!));
      for (let row = 0; row < data.length; row++) {
        let sum = first;
        for (let i = row * n; i < (row + 1) * n; i++) sum = f(sum, runs[i]!);
        data[row] = last(sum, n);
      }
      return { type, shape: outShape, data };
    },
  };
}

const softmax: Operator = {
  inputs: [1, 1],
  attributes: { axis: "int" },
  rule: (call) => {
    const value = call.input(0);
    const { type, shape, data } = value;
    if (!isFloat(type)) throw wrongKind("ERR_DTYPE", `${call.where} must have inputs of floats: got ${type}`);
    const axis = call.axis(call.int("axis", -1), shape.length);
    if (!data) return value;
    const [n, inner] = [shape[axis]!, elements(shape.slice(axis + 1))];
    const result = arrayOf(type, data.length);
    for (let slice = 0; slice < data.length / (n || 1); slice++) {
      const start = Math.floor(slice / inner) * n * inner + (slice % inner);
      let top = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < n; i++) top = Math.max(top, data[start + i * inner]!);
      let sum = 0;
      for (let i = 0; i < n; i++) sum += Math.exp(data[start + i * inner]! - top);
      for (let i = 0; i < n; i++) result[start + i * inner] = Math.exp(data[start + i * inner]! - top) / sum;
    }
    return { type, shape, data: result };
  },
};

export const REDUCTIONS: Record<string, Operator> = {
  ReduceSum: reduction(0, (sum, x) => sum + x),
  ReduceMax: reduction(Number.NEGATIVE_INFINITY, Math.max),
  ReduceMin: reduction(Number.POSITIVE_INFINITY, Math.min),
  ReduceMean: reduction(
    0,
    (sum, x) => sum + x,
    (sum, n) => sum / n,
  ),
  Softmax: softmax,
};
