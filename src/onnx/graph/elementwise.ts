// Operators that compute every element by itself, with broadcasting: one line each.
import { wrongKind, wrongValue } from "../../errors.js";
import { elements } from "../../shape.js";
import type { Call, Operator } from "./call.js";
import { errorFunction } from "./error-function.js";
import { arrayOf, type GraphType, isFloat, type Value } from "./model.js";
import { broadcastShape, broadcastTo } from "./strided.js";

type Function = (...x: number[]) => number;

/** Which types an operator takes. */
type Accepts = "float" | "number" | "bool" | "any";

interface Options {
  readonly inputs?: readonly [number, number];
  /** Of the result; default: as the inputs. */
  readonly type?: GraphType;
  /** In place of the function where the inputs are integers. */
  readonly integer?: Function;
  readonly attributes?: Operator["attributes"];
}

const INFINITELY_MANY = Number.POSITIVE_INFINITY;

function accepts(call: Call, kind: Accepts, { type }: Value): void {
  const fits =
    kind === "any" || (kind === "bool" ? type === "bool" : kind === "float" ? isFloat(type) : type !== "bool");
  if (!fits) {
    const expected = kind === "bool" ? "bool" : kind === "float" ? "floats" : "numbers";
    throw wrongKind("ERR_DTYPE", `${call.where} must have inputs of ${expected}: got ${type}`);
  }
}

/** A new value: f of the elements of all values. */
function map(call: Call, type: GraphType, f: Function, values: readonly Value[]): Value {
  const shape = broadcastShape(call, values);
  if (values.some(({ data }) => !data)) return { type, shape, data: undefined };
  const data = arrayOf(type, elements(shape));
  // A single element is read in place of a run
  const step = values.map((value) => (elements(value.shape) === 1 ? 0 : 1));
  const [a, b, c] = values.map((value, i) => (step[i] === 0 ? value : broadcastTo(value, shape)).data!);
  const [s, t, u] = step as [number, number, number];
  if (c) for (let i = 0; i < data.length; i++) data[i] = f(a![i * s]!, b![i * t]!, c[i * u]!);
  else if (b) for (let i = 0; i < data.length; i++) data[i] = f(a![i * s]!, b[i * t]!);
  else for (let i = 0; i < data.length; i++) data[i] = f(a![i * s]!);
  return { type, shape, data };
}

/** An operator with as many inputs as its function has parameters, all of one type. */
function operator(kind: Accepts, f: Function, options: Options = {}): Operator {
  const { inputs = [f.length, f.length], type, integer, attributes } = options;
  return {
    inputs,
    ...(attributes && { attributes }),
    rule: (call) => {
      const values = call.inputs.map((_, i) => call.input(i));
      call.sameType(...values);
      for (const value of values) accepts(call, kind, value);
      const own = values[0]!.type;
      return map(call, type ?? own, integer && !isFloat(own) ? integer : f, values);
    },
  };
}

/** f(f(a, b), c) and so on, of any number of inputs. */
function folded(f: (x: number, y: number) => number): Operator {
  return {
    inputs: [1, INFINITELY_MANY],
    rule: (call) => {
      const values = call.inputs.map((_, i) => call.input(i));
      call.sameType(...values);
      for (const value of values) accepts(call, "number", value);
      return values.reduce((sum, value) => map(call, value.type, f as Function, [sum, value]));
    },
  };
}

const comparison = (kind: Accepts, f: (x: number, y: number) => boolean) =>
  operator(kind, (x: number, y: number) => Number(f(x, y)), { type: "bool", inputs: [2, 2] });

/** To the nearest integer, halves to the even one. */
function round(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

function divide(x: number, y: number): number {
  if (y === 0) throw wrongValue("ERR_VALUE", "a node Div must not divide an integer by 0");
  return Math.trunc(x / y);
}

function sigmoid(x: number): number {
  const t = Math.exp(-Math.abs(x));
  return (x < 0 ? t : 1) / (1 + t);
}

/** The sign of the divisor (integers), or with fmod of the dividend. */
const modulo: Operator = {
  inputs: [2, 2],
  attributes: { fmod: "int" },
  rule: (call) => {
    const values = [call.input(0), call.input(1)];
    call.sameType(...values);
    for (const value of values) accepts(call, "number", value);
    const fmod = call.int("fmod", 0) === 1;
    if (!fmod && isFloat(values[0]!.type)) throw call.wrong("fmod 1 for floats", 0);
    return map(call, values[0]!.type, (x, y) => (fmod ? x! % y! : x! - Math.floor(x! / y!) * y!), values);
  },
};

/** The exponent may be of another type. */
const power: Operator = {
  inputs: [2, 2],
  rule: (call) => {
    const [base, exponent] = [call.input(0), call.input(1)];
    for (const value of [base, exponent]) accepts(call, "number", value);
    return map(call, base.type, Math.pow as Function, [base, exponent]);
  },
};

const where: Operator = {
  inputs: [3, 3],
  rule: (call) => {
    const [condition, x, y] = [call.input(0), call.input(1), call.input(2)];
    accepts(call, "bool", condition);
    call.sameType(x, y);
    return map(call, x.type, (c, a, b) => (c ? a! : b!), [condition, x, y]);
  },
};

const clip: Operator = {
  inputs: [1, 3],
  rule: (call) => {
    const x = call.input(0);
    accepts(call, "number", x);
    const limits = call.inputs.slice(1).map((limit) => {
      if (limit && limit.shape.length > 0) throw call.wrongShape("scalars as min and max", limit.shape);
      if (limit) call.sameType(x, limit);
      return limit;
    });
    const raised = limits[0] ? map(call, x.type, Math.max as Function, [x, limits[0]]) : x;
    return limits[1] ? map(call, x.type, Math.min as Function, [raised, limits[1]]) : raised;
  },
};

export const ELEMENTWISE: Record<string, Operator> = {
  Abs: operator("number", (x: number) => Math.abs(x)),
  Neg: operator("number", (x: number) => -x),
  Sign: operator("number", (x: number) => Math.sign(x)),
  Relu: operator("number", (x: number) => Math.max(x, 0)),
  Sqrt: operator("float", (x: number) => Math.sqrt(x)),
  Reciprocal: operator("float", (x: number) => 1 / x),
  Exp: operator("float", (x: number) => Math.exp(x)),
  Log: operator("float", (x: number) => Math.log(x)),
  Sin: operator("float", (x: number) => Math.sin(x)),
  Cos: operator("float", (x: number) => Math.cos(x)),
  Tanh: operator("float", (x: number) => Math.tanh(x)),
  Sigmoid: operator("float", (x: number) => sigmoid(x)),
  Softplus: operator("float", (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Erf: operator("float", (x: number) => errorFunction(x)),
  Floor: operator("float", (x: number) => Math.floor(x)),
  Ceil: operator("float", (x: number) => Math.ceil(x)),
  Round: operator("float", (x: number) => round(x)),
  IsNaN: operator("float", (x: number) => Number(Number.isNaN(x)), { type: "bool" }),
  Not: operator("bool", (x: number) => 1 - x),
  Add: operator("number", (x: number, y: number) => x + y),
  Sub: operator("number", (x: number, y: number) => x - y),
  Mul: operator("number", (x: number, y: number) => x * y),
  Div: operator("number", (x: number, y: number) => x / y, { integer: divide as Function }),
  And: operator("bool", (x: number, y: number) => x & y),
  Or: operator("bool", (x: number, y: number) => x | y),
  Xor: operator("bool", (x: number, y: number) => x ^ y),
  Equal: comparison("any", (x, y) => x === y),
  Less: comparison("number", (x, y) => x < y),
  LessOrEqual: comparison("number", (x, y) => x <= y),
  Greater: comparison("number", (x, y) => x > y),
  GreaterOrEqual: comparison("number", (x, y) => x >= y),
  Min: folded((x, y) => Math.min(x, y)),
  Max: folded((x, y) => Math.max(x, y)),
  Sum: folded((x, y) => x + y),
  Mod: modulo,
  Pow: power,
  Where: where,
  Clip: clip,
};
