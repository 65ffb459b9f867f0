// Operators on shapes and types: constants, casts, and the same elements in another shape.
import { elements } from "../../shape.js";
import type { Call, Operator } from "./call.js";
import { arrayOf, converted, type Numbers, TYPE_NUMBERS, type Value } from "./model.js";
import { broadcastShape, broadcastTo } from "./strided.js";

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
  Range: range,
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
