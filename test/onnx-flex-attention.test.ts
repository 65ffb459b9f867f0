// ONNX FlexAttention: random nodes, with graphs and without, against the operator's text in float64; dtypes; errors.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DType, Engine, HostTensor, Tensor } from "../src/index.js";
import { FlexAttention, type FlexAttentionAttributes, type Float64Tensor, type OnnxGraph } from "../src/onnx/index.js";
import { BUILDS } from "./builds.js";
import { numbersOf } from "./conformance/tolerance.js";
import { guardedEngine } from "./guarded-memory.js";
import { checkOperator, near, type Operator, refusals } from "./onnx/check-operator.js";
import { float, floats, graph, int, ints } from "./onnx/graphs.js";
import { hostTensor, size } from "./properties/arrays.js";
import { Random } from "./properties/random.js";

/** [B, H, Sq, Sk] */
type Sizes = readonly [number, number, number, number];
interface Mod {
  readonly graph: (sizes: Sizes) => OnnxGraph;
  /** Of one element x at (b, h, i, j), with its whole row. */
  readonly f: (x: number, h: number, i: number, j: number, row: readonly number[]) => number;
}

/** Positions of queries [Sq, 1] and keys [Sk], from the shape of the scores. */
const POSITIONS = {
  s: ["Shape", "x"],
  l: ["Gather", "s two"],
  k: ["Gather", "s three"],
  qr: ["Range", "zero l one"],
  q: ["Unsqueeze", "qr last"],
  p: ["Range", "zero k one"],
} as const;
const INTEGERS = { two: int(2), three: int(3), zero: int(0), one: int(1), last: ints(-1) };

const SCORE_MODS: Record<string, Mod> = {
  softcap: {
    graph: () => graph({ d: ["Div", "x c"], t: ["Tanh", "d"], y: ["Mul", "t c"] }, { c: float(2) }),
    f: (x) => 2 * Math.tanh(x / 2),
  },
  causal: {
    graph: () =>
      graph(
        { ...POSITIONS, seen: ["LessOrEqual", "p q"], y: ["Where", "seen x hidden"] },
        { ...INTEGERS, hidden: float("-Infinity") },
      ),
    f: (x, _, i, j) => (j <= i ? x : Number.NEGATIVE_INFINITY),
  },
  // With queries that see nothing
  window: {
    graph: () =>
      graph(
        { ...POSITIONS, d: ["Sub", "q p"], a: ["Abs", "d"], far: ["Greater", "a one"], y: ["Where", "far hidden x"] },
        { ...INTEGERS, hidden: float("-inf") },
      ),
    f: (x, _, i, j) => (Math.abs(i - j) > 1 ? Number.NEGATIVE_INFINITY : x),
  },
  "slopes of the heads": {
    graph: ([, H]) =>
      graph(
        { ...POSITIONS, d: ["Sub", "q p"], e: ["Cast", "d", { to: 1 }], b: ["Mul", "e slopes"], y: ["Sub", "x b"] },
        { ...INTEGERS, slopes: floats([H, 1, 1], ...Array.from({ length: H }, (_, h) => 2 ** -h)) },
      ),
    f: (x, h, i, j) => x - (i - j) * 2 ** -h,
  },
};
const PROB_MODS: Record<string, Mod> = {
  half: { graph: () => graph({ y: ["Mul", "x half"] }, { half: float(0.5) }), f: (x) => x / 2 },
  "sums to 2": {
    graph: () =>
      graph(
        { c: ["Mul", "x x"], s: ["ReduceSum", "c last"], e: ["Add", "s tiny"], r: ["Div", "c e"], y: ["Add", "r r"] },
        { last: ints(-1), tiny: float(1e-30) },
      ),
    f: (x, _h, _i, _j, row) => (2 * x * x) / (row.reduce((sum, p) => sum + p * p, 0) + 1e-30),
  },
};

const NODES = 60;
for (const build of BUILDS) {
  const test = suite(`onnx: FlexAttention (${build})`);
  const engine = guardedEngine(build);

  test(`${NODES} random nodes against the operator's text, resident tensors alike`, () => {
    for (let seed = 0; seed < NODES; seed++) {
      const node = randomNode(seed);
      const { inputs, attributes, want, where } = node;
      checkOperator(engine, FlexAttention as unknown as Operator, inputs, attributes as never, [want], where, 2e-5);
      assert.is(FlexAttention<HostTensor>(engine, inputs, attributes)[0].dtype, inputs[2]!.dtype, where);

      const wide = inputs.map(
        (tensor): Float64Tensor => ({ data: Float64Array.from(numbersOf(tensor)), shape: tensor.shape }),
      );
      const [exact] = FlexAttention<Float64Tensor>(engine, wide, forDoubles(attributes));
      assert.is(exact.dtype, "float64");
      near(exact as never, want.data, 1e-12, `float64: ${where}`);
    }
  });

  test("softmax_precision: double computes in float64, 16 bits in float32", () => {
    const { inputs, attributes, want, where } = randomNode(5);
    const got = FlexAttention<HostTensor>(engine, inputs, { ...forDoubles(attributes), softmax_precision: 11n })[0];
    near(got, want.data, 2 ** -24, where);
    assert.is(got.dtype, inputs[2]!.dtype);
    const resident = inputs.map((tensor) => engine.tensor(tensor));
    using Y = FlexAttention<Tensor>(engine, resident, { ...forDoubles(attributes), softmax_precision: 11 })[0];
    assert.equal(Y.toHost().data, got.data);
    for (const tensor of resident) tensor.dispose();
    const bits = FlexAttention<HostTensor>(engine, inputs, { ...attributes, softmax_precision: 10 })[0];
    assert.equal(bits, FlexAttention<HostTensor>(engine, inputs, attributes)[0]);
    // Double inputs, graphs in float32
    const wide = inputs.map((tensor) => ({ data: Float64Array.from(numbersOf(tensor)), shape: tensor.shape }));
    const [half] = FlexAttention<Float64Tensor>(engine, wide, { ...attributes, softmax_precision: 1 });
    near(half as never, want.data, 1e-5, where);
  });

  test("errors name the operator's inputs and attributes", () => checkErrors(engine));
  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}

function randomNode(seed: number) {
  const random = new Random(seed + 9000);
  const [B, Hk] = [random.integer(1, 2), random.integer(1, 3)];
  const H = Hk * random.integer(1, 3);
  const [Sq, Sk] = [random.integer(1, 9), random.integer(1, 9)];
  const [D, Dv] = [random.pick([1, 4, 16]), random.pick([1, 5, 8])];
  const dtype = seed === 5 ? "float32" : random.pick<DType>(["float32", "float32", "float16", "bfloat16"]);
  const other = random.chance(0.2) && seed !== 5 ? random.pick<DType>(["float32", "float16"]) : dtype;
  const make = (type: DType, ...shape: number[]) => hostTensor(random.normals(size(shape)), shape, type);
  const inputs = [make(dtype, B, H, Sq, D), make(dtype, B, Hk, Sk, D), make(other, B, Hk, Sk, Dv)] as const;
  const score = random.chance(0.6) || seed === 5 ? random.pick(Object.keys(SCORE_MODS)) : undefined;
  const prob = random.chance(0.4) || seed === 5 ? random.pick(Object.keys(PROB_MODS)) : undefined;
  const scale = random.chance(0.4) ? random.pick([0.1, 1, -0.5]) : undefined;
  const sizes = [B, H, Sq, Sk] as const;
  const attributes: FlexAttentionAttributes = {
    ...(score && { score_mod: SCORE_MODS[score]!.graph(sizes) }),
    ...(prob && { prob_mod: PROB_MODS[prob]!.graph(sizes) }),
    ...(scale !== undefined && { scale }),
  };
  const numbers = inputs.map(numbersOf) as [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>];
  const data = exact(numbers, [B, H, Hk, Sq, Sk, D, Dv], scale ?? 1 / Math.sqrt(D), score, prob);
  return {
    inputs,
    attributes,
    want: { data, shape: [B, H, Sq, Dv] },
    where: `node ${seed}: ${JSON.stringify({ B, H, Hk, Sq, Sk, D, Dv, dtype, other, score, prob, scale })}`,
  };
}

/** The operator's text; a row without any key gives zeros. */
function exact(
  [Q, K, V]: [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>],
  [B, H, Hk, Sq, Sk, D, Dv]: [number, number, number, number, number, number, number],
  scale: number,
  score: string | undefined,
  prob: string | undefined,
): Float64Array {
  const Y = new Float64Array(B * H * Sq * Dv);
  const keys = Array.from({ length: Sk }, (_, j) => j);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const first = (b * Hk + Math.floor(h / (H / Hk))) * Sk;
      for (let i = 0; i < Sq; i++) {
        const row = (b * H + h) * Sq + i;
        const raw = keys.map((j) => {
          let sum = 0;
          for (let d = 0; d < D; d++) sum += Q[row * D + d]! * K[(first + j) * D + d]!;
          return sum * scale;
        });
        const scores = raw.map((x, j) => (score ? SCORE_MODS[score]!.f(x, h, i, j, raw) : x));
        const top = Math.max(...scores);
        const exps = scores.map((x) => (top === Number.NEGATIVE_INFINITY ? 0 : Math.exp(x - top)));
        const sum = exps.reduce((a, x) => a + x, 0);
        const softmax = exps.map((x) => (sum === 0 ? 0 : x / sum));
        const probabilities = softmax.map((x, j) => (prob ? PROB_MODS[prob]!.f(x, h, i, j, softmax) : x));
        for (let d = 0; d < Dv; d++) {
          Y[row * Dv + d] = keys.reduce((total, j) => total + probabilities[j]! * V[(first + j) * Dv + d]!, 0);
        }
      }
    }
  }
  return Y;
}

/** The same graphs in float64. */
function forDoubles(attributes: FlexAttentionAttributes): FlexAttentionAttributes {
  const text = JSON.stringify(attributes).replaceAll('"float32"', '"float64"').replaceAll('"to":1}', '"to":11}');
  return JSON.parse(text) as FlexAttentionAttributes;
}

function checkErrors(engine: Engine): void {
  const zeros = (...shape: number[]) => hostTensor(new Float32Array(size(shape)), shape);
  const half = (...shape: number[]) => hostTensor(new Float32Array(size(shape)), shape, "float16");
  const double = (...shape: number[]) => ({ data: new Float64Array(size(shape)), shape });
  const fails = refusals(engine, FlexAttention as unknown as Operator);
  const q = zeros(1, 2, 3, 4);
  fails("ERR_ARGUMENT_TYPE", /^V must be a tensor: got undefined/, [q, q]);
  fails("ERR_SHAPE", /^K.shape must have 4 axes, \[batch, heads, length, size\]: got \[3, 4\]/, [q, zeros(3, 4), q]);
  fails("ERR_SHAPE", /^Q.shape\[3\] must be at least 1: got 0/, [zeros(1, 2, 3, 0), q, q]);
  fails("ERR_SHAPE", /^K.shape\[0\] must equal Q.shape\[0\]: expected 1, got 2/, [q, zeros(2, 2, 3, 4), q]);
  fails("ERR_SHAPE", /^K.shape\[3\] must equal Q.shape\[3\]: expected 4, got 5/, [q, zeros(1, 2, 3, 5), q]);
  fails("ERR_SHAPE", /^V.shape\[1\] must equal K.shape\[1\]: expected 2, got 1/, [q, q, zeros(1, 1, 3, 4)]);
  fails("ERR_SHAPE", /^V.shape\[2\] must equal K.shape\[2\]: expected 3, got 4/, [q, q, zeros(1, 2, 4, 4)]);
  fails("ERR_SHAPE", /^Q.shape\[1\] must be a multiple of K.shape\[1\]: got 2 and 3/, [
    q,
    zeros(1, 3, 3, 4),
    zeros(1, 3, 3, 4),
  ]);
  fails("ERR_DTYPE", /^K must be float32, as Q is: got float16/, [q, half(1, 2, 3, 4), q]);
  fails("ERR_DTYPE", /^K must be float32, as Q is: got float64/, [q, double(1, 2, 3, 4), q]);
  fails("ERR_DTYPE", /^Q must be float32, float16 or bfloat16: got int32/, [
    { data: new Int32Array(24), shape: [1, 2, 3, 4] },
    q,
    q,
  ]);
  fails("ERR_DTYPE", /^V.dtype must be 'float64' for a Float64Array: got float32/, [
    q,
    q,
    { ...double(1, 2, 3, 4), dtype: "float32" },
  ]);
  fails("ERR_SHAPE", /^Q.data must have the 12 elements of its shape: it has 24/, [
    { ...double(1, 2, 3, 4), shape: [1, 1, 3, 4] },
    q,
    q,
  ]);
  fails("ERR_UNKNOWN_OPTION", /^FlexAttention has no attribute 'mask_mod'/, [q, q, q], { mask_mod: {} });
  fails("ERR_VALUE", /^softmax_precision must be 1 \(float\)/, [q, q, q], { softmax_precision: 7 });
  fails("ERR_ARGUMENT_TYPE", /^scale must be a number: got "1"/, [q, q, q], { scale: "1" });
  fails("ERR_ARGUMENT_TYPE", /^prob_mod must be a graph/, [q, q, q], { prob_mod: "half" });
  const made = graph({ y: ["Add", "x b"] }, { b: floats([2], 1, 2) });
  fails("ERR_SHAPE", /^score_mod.nodes\[0\] \(Add\) must have inputs that broadcast/, [q, q, q], { score_mod: made });
  using resident = engine.tensor(q);
  fails("ERR_MIXED_KINDS", /^V must be a resident Tensor, as Q is/, [resident, resident, q]);
}
