// Operators that move elements about: transpositions, slices, what is picked and put together.
import { wrongKind } from "../../errors.js";
import { contiguousStrides, elements } from "../../shape.js";
import type { Operator } from "./call.js";
import { arrayOf, type Numbers, type Value } from "./model.js";
import { strided } from "./strided.js";

const transpose: Operator = {
  inputs: [1, 1],
  attributes: { perm: "ints" },
  rule: (call) => {
    const value = call.input(0);
    const axes = value.shape.map((_, i) => i);
    const perm = (call.attributes.perm as number[] | undefined) ?? [...axes].reverse();
    if (perm.length !== axes.length || axes.some((axis) => !perm.includes(axis))) {
      throw call.wrong(`a permutation of 0 to ${axes.length - 1}`, perm);
    }
    const strides = contiguousStrides(value.shape);
    return strided(
      value,
      perm.map((axis) => value.shape[axis]!),
      perm.map((axis) => strides[axis]!),
    );
  },
};

const concat: Operator = {
  inputs: [1, Number.POSITIVE_INFINITY],
  attributes: { axis: "int" },
  rule: (call) => {
    const values = call.inputs.map((_, i) => call.input(i));
    call.sameType(...values);
    const [first] = values as [Value];
    const axis = call.axis(call.int("axis", Number.NaN), first.shape.length);
    for (const { shape } of values) {
      const fits = shape.length === first.shape.length && shape.every((n, i) => i === axis || n === first.shape[i]);
      if (!fits) throw call.wrongShape(`inputs that differ only along axis ${axis}`, shape);
    }
    const size = values.reduce((sum, value) => sum + value.shape[axis]!, 0);
    const sizes = first.shape.map((n, i) => (i === axis ? size : n));
    if (values.some(({ data }) => !data)) return { type: first.type, shape: sizes, data: undefined };
    const data = arrayOf(first.type, elements(sizes));
    const rows = elements(sizes.slice(0, axis));
    let at = 0;
    for (let row = 0; row < rows; row++) {
      for (const value of values) {
        const each = value.data!.length / rows;
        data.set(value.data!.subarray(row * each, (row + 1) * each), at);
        at += each;
      }
    }
    return { type: first.type, shape: sizes, data };
  },
};

const slice: Operator = {
  inputs: [3, 5],
  rule: (call) => {
    const value = call.input(0);
    const rank = value.shape.length;
    const [starts, ends] = [call.ints(1, "starts"), call.ints(2, "ends")];
    const axes = (call.optionalInts(3, "axes") ?? starts.map((_, i) => i)).map((axis) => call.axis(axis, rank));
    const steps = call.optionalInts(4, "steps") ?? starts.map(() => 1);
    if ([ends, axes, steps].some((list) => list.length !== starts.length)) {
      throw call.wrong("as many starts as ends, axes and steps", [
        starts.length,
        ends.length,
        axes.length,
        steps.length,
      ]);
    }
    const [sizes, strides] = [[...value.shape], contiguousStrides(value.shape)];
    let offset = 0;
    for (const [i, axis] of axes.entries()) {
      const [n, step] = [value.shape[axis]!, steps[i]!];
      if (step === 0) throw call.wrong("steps other than 0", step);
      const [least, most] = step > 0 ? [0, n] : [-1, n - 1];
      const held = (at: number, low: number) => Math.min(Math.max(at < 0 ? at + n : at, low), most);
      const start = held(starts[i]!, 0);
      sizes[axis] = n === 0 ? 0 : Math.max(0, Math.ceil((held(ends[i]!, least) - start) / step));
      offset += start * strides[axis]!;
      strides[axis] = strides[axis]! * step;
    }
    return strided(value, sizes, strides, offset);
  },
};

const gather: Operator = {
  inputs: [2, 2],
  attributes: { axis: "int" },
  rule: (call) => {
    const [value, indices] = [call.input(0), call.input(1)];
    if (indices.type !== "int64" && indices.type !== "int32") {
      throw wrongKind("ERR_DTYPE", `${call.where} must have indices of int64: got ${indices.type}`);
    }
    const axis = call.axis(call.int("axis", 0), value.shape.length);
    const n = value.shape[axis]!;
    const sizes = [...value.shape.slice(0, axis), ...indices.shape, ...value.shape.slice(axis + 1)];
    const places = indices.data && Array.from(indices.data, (index) => (index < 0 ? index + n : index));
    const stray = places?.findIndex((place) => place < 0 || place >= n) ?? -1;
    if (stray >= 0) throw call.wrong(`indices from ${-n} to ${n - 1}`, indices.data![stray]);
    if (!value.data || !places) return { type: value.type, shape: sizes, data: undefined };
    const data = arrayOf(value.type, elements(sizes));
    const inner = elements(value.shape.slice(axis + 1));
    const outer = elements(value.shape.slice(0, axis));
    for (let o = 0, at = 0; o < outer; o++) {
      for (const place of places) {
        const from = (o * n + place) * inner;
        data.set(value.data.subarray(from, from + inner), at);
        at += inner;
      }
    }
    return { type: value.type, shape: sizes, data };
  },
};

const triangle: Operator = {
  inputs: [1, 2],
  attributes: { upper: "int" },
  rule: (call) => {
    const value = call.input(0);
    const { shape, data } = value;
    if (shape.length < 2) throw call.wrongShape("at least 2 axes", shape);
    const [rows, columns] = shape.slice(-2) as [number, number];
    const k = call.inputs[1] ? call.scalar(1, "k") : 0;
    const upper = call.int("upper", 1) === 1;
    const keeps = (row: number, column: number) => (upper ? column - row >= k : column - row <= k);
    return {
      ...value,
      data:
        data &&
        (data.map((x: number, at: number) =>
          keeps(Math.floor(at / columns) % rows, at % columns) ? x : 0,
        ) as Numbers),
    };
  },
};

export const MOVING: Record<string, Operator> = {
  Transpose: transpose,
  Concat: concat,
  Slice: slice,
  Gather: gather,
  Trilu: triangle,
};
