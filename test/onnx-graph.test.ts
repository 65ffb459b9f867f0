// Modifier graphs of ONNX FlexAttention by themselves: every operator against plain JavaScript.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Numbers } from "../src/onnx/graph/model.js";
import { prepareGraph } from "../src/onnx/graph/prepare.js";
import type { OnnxGraph, OnnxTensor } from "../src/onnx/index.js";
import { ACTIVATIONS } from "./layers/exact.js";
import { float, graph, int, ints } from "./onnx/graphs.js";

const test = suite("onnx: graphs");
const X = [-2.5, -1, -0.25, 0.5, 1.5, 7];
const SHAPE = [2, 3];
const run = (made: OnnxGraph, x = X, shape = SHAPE) => [
  ...prepareGraph("score_mod", made, "float64", shape)(Float64Array.from(x)),
];
const near = (got: readonly number[], want: readonly number[], what: string) => {
  assert.is(got.length, want.length, what);
  for (const [i, y] of want.entries()) {
    const fits = Object.is(got[i], y) || got[i] === y || Math.abs(got[i]! - y) <= 1e-12 * (1 + Math.abs(y));
    assert.ok(fits, `${what} [${i}] is ${got[i]}, expected ${y}`);
  }
};

const UNARY: Record<string, (x: number) => number> = {
  Abs: Math.abs,
  Neg: (x) => -x,
  Sign: Math.sign,
  Relu: (x) => Math.max(x, 0),
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Exp: Math.exp,
  Log: Math.log,
  Sin: Math.sin,
  Cos: Math.cos,
  Tanh: Math.tanh,
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Softplus: (x) => Math.log(1 + Math.exp(x)),
  Erf: ACTIVATIONS.erf!,
  Floor: Math.floor,
  Ceil: Math.ceil,
  // Halves to the even integer
  Round: (x) => (x === -2.5 ? -2 : x === 0.5 ? 0 : x === 1.5 ? 2 : Math.round(x)),
  Identity: (x) => x,
};

test("one input", () => {
  for (const [op, f] of Object.entries(UNARY)) near(run(graph({ y: [op, "x"] })), X.map(f), op);
  near(
    run(graph({ y: ["Erf", "x"] }), [0, 1e-9, 2.49, 2.51, 9, -30]),
    [0, 1e-9, 2.49, 2.51, 9, -30].map(UNARY.Erf!),
    "Erf",
  );
  assert.equal(run(graph({ y: ["Erf", "x"] }), [Number.NaN], [1]), [Number.NaN]);
});

test("two inputs, broadcast", () => {
  const b = { dtype: "float64", shape: [3], values: [2, -0.5, 1] } as OnnxTensor;
  const at = (i: number) => [2, -0.5, 1][i % 3]!;
  const binary: Record<string, (x: number, y: number) => number> = {
    Add: (x, y) => x + y,
    Sub: (x, y) => x - y,
    Mul: (x, y) => x * y,
    Div: (x, y) => x / y,
    Pow: (x, y) => x ** y,
    Min: Math.min,
    Max: Math.max,
    Sum: (x, y) => x + y,
  };
  for (const [op, f] of Object.entries(binary)) {
    near(
      run(graph({ y: [op, "x b"] }, { b })),
      X.map((x, i) => f(x, at(i))),
      op,
    );
    near(
      run(graph({ y: [op, "b x"] }, { b })),
      X.map((x, i) => f(at(i), x)),
      op,
    );
  }
  const comparisons: Record<string, (x: number, y: number) => boolean> = {
    Equal: (x, y) => x === y,
    Less: (x, y) => x < y,
    LessOrEqual: (x, y) => x <= y,
    Greater: (x, y) => x > y,
    GreaterOrEqual: (x, y) => x >= y,
  };
  const c = { dtype: "float64", shape: [2, 1], values: [-1, 1.5] } as OnnxTensor;
  for (const [op, f] of Object.entries(comparisons)) {
    const want = X.map((x, i) => Number(f(x, [-1, 1.5][Math.floor(i / 3)]!)));
    near(run(graph({ t: [op, "x c"], y: ["Cast", "t", { to: 11 }] }, { c })), want, op);
  }
});

test("integers and booleans", () => {
  const b = ints(3, -2, 2);
  const at = (i: number) => [3, -2, 2][i % 3]!;
  const whole = X.map((x) => Math.trunc(x * 3));
  const three = { dtype: "float64", shape: [], values: [3] } as OnnxTensor;
  const scaled = { s: ["Mul", "x three"], n: ["Cast", "s", { to: 7 }] } as const;
  for (const [op, f, attributes] of [
    ["Div", (x: number, y: number) => Math.trunc(x / y)],
    ["Mod", (x: number, y: number) => x - y * Math.floor(x / y)],
    ["Mod", (x: number, y: number) => x % y, { fmod: 1 }],
    ["Add", (x: number, y: number) => x + y],
  ] as const) {
    const made = graph({ ...scaled, m: [op, "n b", attributes ?? {}], y: ["Cast", "m", { to: 11 }] }, { b, three });
    near(
      run(made),
      whole.map((x, i) => f(x, at(i)) + 0),
      op,
    );
  }
  near(
    run(graph({ y: ["Mod", "x three", { fmod: 1 }] }, { three })),
    X.map((x) => x % 3),
    "Mod of floats",
  );
  const zero = { dtype: "float64", shape: [], values: [0] } as OnnxTensor;
  const one = { dtype: "float64", shape: [], values: [1] } as OnnxTensor;
  for (const [op, f] of [
    ["And", (a: boolean, b: boolean) => a && b],
    ["Or", (a: boolean, b: boolean) => a || b],
    ["Xor", (a: boolean, b: boolean) => a !== b],
    ["Equal", (a: boolean, b: boolean) => a === b],
  ] as const) {
    const made = graph(
      { p: ["Greater", "x zero"], q: ["Less", "x one"], r: [op, "p q"], y: ["Cast", "r", { to: 11n }] },
      { zero, one },
    );
    near(
      run(made),
      X.map((x) => Number(f(x > 0, x < 1))),
      op,
    );
  }
  const not = graph({ n: ["IsNaN", "x"], m: ["Not", "n"], y: ["CastLike", "m x"] });
  near(run(not, [1, Number.NaN, 0], [3]), [1, 0, 1], "Not, IsNaN");
  const holes = graph({ n: ["Cast", "x", { to: 6 }], y: ["Cast", "n", { to: 11 }] });
  near(run(holes, [-1.7, 2.9, Number.NaN], [3]), [-1, 2, 0], "Cast");
});

test("Where and Clip", () => {
  const [zero, low] = ["float64", "float64"].map(
    (dtype, i) => ({ dtype, shape: [], values: [i ? -1 : 0] }) as OnnxTensor,
  );
  const high = { dtype: "float64", shape: [], values: [1] } as OnnxTensor;
  const hidden = { dtype: "float64", shape: [], values: ["-Infinity"] } as OnnxTensor;
  const where = graph({ c: ["Less", "x zero"], y: ["Where", "c hidden x"] }, { zero: zero!, hidden });
  near(
    run(where),
    X.map((x) => (x < 0 ? Number.NEGATIVE_INFINITY : x)),
    "Where",
  );
  near(
    run(graph({ y: ["Clip", "x low high"] }, { low: low!, high })),
    X.map((x) => Math.min(Math.max(x, -1), 1)),
    "Clip",
  );
  near(
    run(graph({ y: ["Clip", "x - high"] }, { high })),
    X.map((x) => Math.min(x, 1)),
    "Clip above",
  );
  near(run(graph({ y: ["Clip", "x"] })), X, "Clip without limits");
});

test("shapes: computed from that of the input before anything runs", () => {
  const constants = { zero: int(0), one: int(1), minus: ints(-1), column: ints(-1, 1) };
  const rows = graph(
    {
      s: ["Shape", "x"],
      n: ["Gather", "s zero"],
      r: ["Range", "zero n one"],
      c: ["Reshape", "r column"],
      f: ["Cast", "c", { to: 11 }],
      y: ["Add", "x f"],
    },
    constants,
  );
  near(
    run(rows),
    X.map((x, i) => x + Math.floor(i / 3)),
    "rows",
  );
  const sized = graph({ n: ["Size", "x"], f: ["Cast", "n", { to: 11 }], y: ["Mul", "x f"] });
  near(
    run(sized),
    X.map((x) => 6 * x),
    "Size",
  );
  const last = graph({
    s: ["Shape", "x", { start: -1 }],
    n: ["Squeeze", "s"],
    f: ["Cast", "n", { to: 11 }],
    y: ["Mul", "x f"],
  });
  near(
    run(last),
    X.map((x) => 3 * x),
    "Shape from -1",
  );
  const two = graph({ t: ["Transpose", "x"], u: ["Transpose", "t", { perm: [1, 0] }], y: ["Identity", "u"] });
  near(run(two), X, "Transpose twice");
  const sums = graph(
    { t: ["Transpose", "x"], r: ["Reshape", "t shape"], y: ["Identity", "r"] },
    { shape: ints(0, -1) },
  );
  assert.throws(() => run(sums), /score_mod must give the shape it is given, \[2, 3\]: got \[3, 2\]/);
  const turned = graph({ t: ["Transpose", "x"], y: ["Reshape", "t shape"] }, { shape: ints(2, -1) });
  near(run(turned), [-2.5, 0.5, -1, 1.5, -0.25, 7], "Transpose and Reshape");
  const parts = graph(
    {
      left: ["Slice", "x from to axes"],
      right: ["Slice", "x to end axes"],
      y: ["Concat", "right left", { axis: -1 }],
    },
    { from: ints(0), to: ints(1), end: ints(2 ** 62), axes: ints(1) },
  );
  near(run(parts), [-1, -0.25, -2.5, 1.5, 7, 0.5], "Slice and Concat");
  const backwards = graph(
    { y: ["Slice", "x from to axes steps"] },
    { from: ints(-1), to: ints(-(2 ** 62)), axes: ints(-1), steps: ints(-1) },
  );
  near(run(backwards), [-0.25, -1, -2.5, 7, 1.5, 0.5], "Slice backwards");
  const picked = graph({ y: ["Gather", "x order", { axis: 1 }] }, { order: ints(2, -3, 1) });
  near(run(picked), [-0.25, -2.5, -1, 7, 0.5, 1.5], "Gather");
  const axes = graph(
    {
      u: ["Unsqueeze", "x at"],
      e: ["Expand", "u big"],
      m: ["ReduceMean", "e", { axes: [0], keepdims: 0 }],
      y: ["Squeeze", "m two"],
    },
    { at: ints(0, -1), big: ints(4, 1, 1, 1), two: ints(-1) },
  );
  near(run(axes), X, "Unsqueeze, Expand, ReduceMean, Squeeze");
  const made = graph({
    s: ["Shape", "x"],
    c: ["ConstantOfShape", "s", { value: { dtype: "float64", shape: [1], values: [2] } }],
    k: ["Constant", "", { value: { dtype: "float64", shape: [], values: [3] } }],
    p: ["Mul", "x c"],
    y: ["Add", "p k"],
  });
  near(
    run(made),
    X.map((x) => 2 * x + 3),
    "ConstantOfShape, Constant",
  );
  for (const [name, value, to] of [
    ["value_int", 2, 2],
    ["value_float", 2.5, 2.5],
  ] as const) {
    const constant = graph({ k: ["Constant", "", { [name]: value }], f: ["Cast", "k", { to: 11 }], y: ["Mul", "x f"] });
    near(
      run(constant),
      X.map((x) => x * to),
      name,
    );
  }
  for (const [upper, k] of [
    [1, 0],
    [0, 0],
    [1, 1],
    [0, -1],
  ] as const) {
    const triangle = graph({ y: ["Trilu", "x k", { upper }] }, { k: int(k) });
    const keeps = (i: number) => (upper ? (i % 3) - Math.floor(i / 3) >= k : (i % 3) - Math.floor(i / 3) <= k);
    near(
      run(triangle),
      X.map((x, i) => (keeps(i) ? x : 0)),
      `Trilu ${upper} ${k}`,
    );
  }
});

test("along axes", () => {
  const row = (i: number) => X.slice(i - (i % 3), i - (i % 3) + 3);
  const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
  for (const [op, f] of [
    ["ReduceSum", sum],
    ["ReduceMax", (list: number[]) => Math.max(...list)],
    ["ReduceMin", (list: number[]) => Math.min(...list)],
    ["ReduceMean", (list: number[]) => sum(list) / list.length],
  ] as const) {
    const rows = graph({ r: [op, "x axes"], y: ["Sub", "x r"] }, { axes: ints(-1) });
    near(
      run(rows),
      X.map((x, i) => x - f(row(i))),
      op,
    );
    near(
      run(graph({ r: [op, "x", { keepdims: 0 }], y: ["Sub", "x r"] })),
      X.map((x) => x - f(X)),
      `${op} of all`,
    );
    const columns = graph({ r: [op, "x", { axes: [0] }], y: ["Sub", "x r"] });
    near(
      run(columns),
      X.map((x, i) => x - f([X[i % 3]!, X[(i % 3) + 3]!])),
      `${op} of columns`,
    );
  }
  near(run(graph({ y: ["ReduceSum", "x none", { noop_with_empty_axes: 1 }] }, { none: ints() })), X, "no axes");
  for (const axis of [-1, 0]) {
    const slice = (i: number) => (axis === 0 ? [X[i % 3]!, X[(i % 3) + 3]!] : row(i));
    const want = X.map((x, i) => Math.exp(x) / sum(slice(i).map(Math.exp)));
    near(run(graph({ y: ["Softmax", "x", { axis }] })), want, `Softmax ${axis}`);
  }
});

test("float32 rounds every step", () => {
  const prepared = prepareGraph(
    "score_mod",
    graph({ s: ["Add", "x b"], y: ["Sub", "s b"] }, { b: float(1e8) }),
    "float32",
    [1],
  );
  assert.equal([...prepared(Float32Array.of(1.5) as Numbers)], [0]);
});

test.run();
