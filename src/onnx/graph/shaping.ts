// Operators on shapes and types: constants, casts, and moving elements about.
import { wrongKind } from "../../errors.js";
import { contiguousStrides, elements } from "../../shape.js";
import type { Call, Operator } from "./call.js";
import { arrayOf, converted, type Numbers, TYPE_NUMBERS, type Value } from "./model.js";
import { broadcastShape, broadcastTo, strided } from "./strided.js";

const int64 = (shape: readonly number[], numbers: readonly number[]): Value => ({
  type: "int64",
  shape,
  data: Float64Array.from(numbers),
});

/** The same elements in another shape. */
function reshaped(call: Call, value: Value, shape: readonly number[]): Value {
  if (elements(shape) !== elements(value.shape)) {
    throw call.wrongShape(`a shape of the ${elements(value.shape)} elements there are`, shape);
  }
  return { ...value, shape };
}

/** Axes from input 1, or from the attribute as older opsets have it; in order. */
export function axesOf(call: Call, rank: number): number[] | undefined {
  const given = call.optionalInts(1, "axes") ?? (call.attributes.axes as number[] | undefined);
  const axes = given?.map((axis) => call.axis(axis, rank)).sort((a, b) => a - b);
  if (axes && new Set(axes).size < axes.length) throw call.wrong("axes that differ", given);
  return axes;
}

const shape: Operator = {
  inputs: [1, 1],
  attributes: { start: "int", end: "int" },
  rule: (call) => {
    const sizes = call.input(0).shape.slice(call.int("start", 0), call.int("end", call.input(0).shape.length));
    return int64([sizes.length], sizes);
  },
};

const reshape: Operator = {
  inputs: [2, 2],
  attributes: { allowzero: "int" },
  rule: (call) => {
    const value = call.input(0);
    const wanted = call.ints(1, "a shape").map((n, i) => (n === 0 && !call.int("allowzero", 0) ? value.shape[i]! : n));
    const rest = elements(wanted.filter((n) => n !== -1));
    const open = wanted.filter((n) => n === -1).length;
    if (open > 1 || wanted.some((n) => !(n >= -1))) throw call.wrongShape("sizes, at most one of them -1", wanted);
    return reshaped(
      call,
      value,
      wanted.map((n) => (n === -1 ? elements(value.shape) / rest : n)),
    );
  },
};

const unsqueeze: Operator = {
  inputs: [1, 2],
  attributes: { axes: "ints" },
  rule: (call) => {
    const value = call.input(0);
    const count = call.inputs[1] ? elements(call.inputs[1].shape) : ((call.attributes.axes as number[]) ?? []).length;
    const axes = axesOf(call, value.shape.length + count);
    if (!axes) throw call.wrong("axes", undefined);
    const sizes = [...value.shape];
    for (const axis of axes) sizes.splice(axis, 0, 1);
    return { ...value, shape: sizes };
  },
};

const squeeze: Operator = {
  inputs: [1, 2],
  attributes: { axes: "ints" },
  rule: (call) => {
    const value = call.input(0);
    const axes = axesOf(call, value.shape.length);
    if (axes?.some((axis) => value.shape[axis] !== 1)) throw call.wrongShape(`size 1 at axes ${axes}`, value.shape);
    return { ...value, shape: value.shape.filter((n, i) => (axes ? !axes.includes(i) : n !== 1)) };
  },
};

const expand: Operator = {
  inputs: [2, 2],
  rule: (call) => {
    const value = call.input(0);
    const wanted = call.ints(1, "a shape");
    return broadcastTo(value, broadcastShape(call, [value, { type: "bool", shape: wanted, data: undefined }]));
  },
};

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

const range: Operator = {
  inputs: [3, 3],
  rule: (call) => {
    call.sameType(call.input(0), call.input(1), call.input(2));
    const [start, limit, delta] = ["start", "limit", "delta"].map((what, i) => call.scalar(i, what)) as [
      number,
      number,
      number,
    ];
    if (delta === 0) throw call.wrong("a delta other than 0", delta);
    const n = Math.max(0, Math.ceil((limit - start) / delta));
    if (!Number.isFinite(n)) throw call.wrong("finite start, limit and delta", [start, limit, delta]);
    const { type } = call.input(0);
    const data = arrayOf(type, n);
    for (let i = 0; i < n; i++) data[i] = start + i * delta;
    return { type, shape: [n], data };
  },
};

const CONSTANTS = {
  value: "tensor",
  value_int: "int",
  value_ints: "ints",
  value_float: "float",
  value_floats: "floats",
} as const;

const constant: Operator = {
  inputs: [0, 0],
  attributes: CONSTANTS,
  rule: (call) => {
    const given = Object.entries(call.attributes);
    if (given.length !== 1)
      throw call.wrong(
        "one value",
        given.map(([name]) => name),
      );
    const [name, value] = given[0]!;
    if (name === "value") return value as Value;
    const numbers = [value].flat() as number[];
    const shape = Array.isArray(value) ? [numbers.length] : [];
    if (name.startsWith("value_int")) return int64(shape, numbers);
    return { type: "float32", shape, data: Float32Array.from(numbers) };
  },
};

const constantOfShape: Operator = {
  inputs: [1, 1],
  attributes: { value: "tensor" },
  rule: (call) => {
    const sizes = call.ints(0, "a shape");
    if (sizes.some((n) => n < 0)) throw call.wrongShape("sizes of at least 0", sizes);
    const value = (call.attributes.value as Value | undefined) ?? {
      type: "float32",
      shape: [1],
      data: new Float32Array(1),
    };
    if (elements(value.shape) !== 1) throw call.wrongShape("one element as value", value.shape);
    return {
      type: value.type,
      shape: sizes,
      data: arrayOf(value.type, elements(sizes)).fill(value.data![0]!) as Numbers,
    };
  },
};

function cast(value: Value, type: Value["type"]): Value {
  return { type, shape: value.shape, data: value.data && converted(value.data, value.type, type) };
}

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

export const SHAPING: Record<string, Operator> = {
  Identity: { inputs: [1, 1], rule: (call) => call.input(0) },
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: shape,
  Size: { inputs: [1, 1], rule: (call) => int64([], [elements(call.input(0).shape)]) },
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Expand: expand,
  Transpose: transpose,
  Concat: concat,
  Slice: slice,
  Gather: gather,
  Range: range,
  Trilu: triangle,
  Cast: {
    inputs: [1, 1],
    attributes: { to: "int", saturate: "int" },
    rule: (call) => {
      const type = TYPE_NUMBERS[call.int("to", 0)];
      if (!type) throw call.wrong(`to one of ${Object.keys(TYPE_NUMBERS).join(", ")}`, call.attributes.to);
      return cast(call.input(0), type);
    },
  },
  CastLike: { inputs: [2, 2], rule: (call) => cast(call.input(0), call.input(1).type) },
};
