// ONNX operators on the kernels of the layers: random nodes against the operators' texts in float64, resident tensors, errors.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DType, type Engine, type HostTensor, loadSync, type Tensor } from "../src/index.js";
import {
  Gelu,
  LayerNormalization,
  LogSoftmax,
  RMSNormalization,
  Softmax,
  SwiGLU,
  Swish,
  TensorScatter,
} from "../src/onnx/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { ACTIVATIONS, geluTanh } from "./layers/exact.js";
import { checkOperator, type Operator, refusals } from "./onnx/check-operator.js";
import { hostTensor, operandOf, size } from "./properties/arrays.js";
import { Random } from "./properties/random.js";

const NODES = 60;
const FLOATS: readonly DType[] = ["float32", "float32", "float16", "bfloat16"];
const shapeOf = (random: Random, rank = random.integer(1, 4)) =>
  Array.from({ length: rank }, () => random.integer(1, 5));
const exact = (data: ArrayLike<number>, f: (x: number, i: number) => number) => Float64Array.from(data, f);

for (const build of BUILDS) {
  const test = suite(`onnx: layers (${build})`);
  const engine = guardedEngine(build);

  test("Gelu, Swish, SwiGLU", () => {
    for (let seed = 0; seed < NODES; seed++) {
      const random = new Random(seed);
      const [shape, dtype] = [shapeOf(random), random.pick(FLOATS)];
      const tensor = () => hostTensor(random.normals(size(shape), 2), shape, dtype);
      const [A, B] = [tensor(), tensor()];
      const [a, b] = [operandOf(A).data, operandOf(B).data];
      const alpha = random.chance(0.3) ? 1 : Math.fround(random.normal());
      const swish = (x: number) => x / (1 + Math.exp(-alpha * x));
      const where = `node ${seed}: ${JSON.stringify({ shape, dtype, alpha })}`;
      const check = (
        operator: Operator,
        inputs: HostTensor[],
        attributes: object,
        f: (x: number, i: number) => number,
      ) => checkOperator(engine, operator, inputs, attributes as never, [{ data: exact(a, f), shape }], where);
      check(Gelu as Operator, [A], random.chance(0.5) ? {} : { approximate: "none" }, ACTIVATIONS.gelu!);
      check(Gelu as Operator, [A], { approximate: "tanh" }, geluTanh);
      check(Swish as Operator, [A], alpha === 1 ? {} : { alpha }, swish);
      check(SwiGLU as Operator, [A, B], alpha === 1 ? {} : { alpha }, (x, i) => swish(x) * b[i]!);
    }
  });

  test("Softmax and LogSoftmax along every axis", () => {
    for (let seed = 0; seed < NODES; seed++) {
      const random = new Random(seed + 100);
      const [shape, dtype] = [shapeOf(random), random.pick(FLOATS)];
      const X = hostTensor(random.normals(size(shape), 3), shape, dtype);
      const rank = shape.length;
      const axis = random.integer(-rank, rank - 1);
      const attributes = axis === -1 ? {} : { axis: random.chance(0.5) ? axis : BigInt(axis) };
      const data = softmax(operandOf(X).data, shape, (axis + rank) % rank);
      const where = `node ${seed}: ${JSON.stringify({ shape, dtype, axis })}`;
      checkOperator(engine, Softmax as Operator, [X], attributes as never, [{ data, shape }], where);
      const logs = { data: exact(data, Math.log), shape };
      checkOperator(engine, LogSoftmax as Operator, [X], attributes as never, [logs], where);
    }
  });

  test("LayerNormalization and RMSNormalization: axes, factors that broadcast, outputs", () => {
    for (let seed = 0; seed < NODES; seed++) {
      const random = new Random(seed + 200);
      const [shape, dtype] = [shapeOf(random), random.pick(FLOATS)];
      const [rank, epsilon] = [shape.length, random.pick([1e-5, 0.1])];
      const axis = random.integer(-rank, rank - 1);
      const first = (axis + rank) % rank;
      // Of the normalised axes, and now and then of axes before or without some of them
      const factor = (type: DType) => {
        const from = random.chance(0.7) ? first : random.integer(0, rank);
        const own = shape.slice(from).map((n) => (random.chance(0.2) ? 1 : n));
        return hostTensor(random.normals(size(own)), own, type);
      };
      const X = hostTensor(random.normals(size(shape), 2), shape, dtype);
      const [Scale, B] = [factor(dtype), random.chance(0.6) ? factor(dtype) : null];
      const stash_type = random.pick([1, 16]);
      const attributes = { ...(axis !== -1 && { axis }), ...(epsilon !== 1e-5 && { epsilon }) };
      const where = `node ${seed}: ${JSON.stringify({ shape, dtype, axis, epsilon, Scale: Scale.shape, B: B?.shape })}`;
      const wants = normalization(X, Scale, B, first, epsilon);
      const bound = dtype === "float32" ? 2e-5 : 1e-4;
      const layer = LayerNormalization as Operator;
      checkOperator(engine, layer, [X, Scale, B], { ...attributes, stash_type } as never, wants, where, bound);
      const other = factor(random.pick(FLOATS));
      const root = rootMeanSquare(X, other, first, epsilon);
      checkOperator(engine, RMSNormalization as Operator, [X, other], attributes as never, [root], where, bound);
      assert.is(RMSNormalization<HostTensor>(engine, [X, other], attributes)[0].dtype, other.dtype, where);
      const [Y, Mean, InvStdDev] = LayerNormalization<HostTensor>(engine, [X, Scale], { stash_type });
      const stashed = stash_type === 16 ? "bfloat16" : "float32";
      assert.equal([Y.dtype, Mean.dtype, InvStdDev.dtype], [dtype, stashed, stashed], where);
    }
  });

  test("TensorScatter: axes, modes, every dtype", () => {
    for (let seed = 0; seed < NODES; seed++) {
      const random = new Random(seed + 300);
      const shape = shapeOf(random, random.integer(2, 4));
      const rank = shape.length;
      const axis = random.integer(1, rank - 1);
      const circular = random.chance(0.5);
      const length = random.integer(0, shape[axis]!);
      const part = shape.map((n, i) => (i === axis ? length : n));
      const dtype = random.pick<DType>([...FLOATS, "int32", "int64", "bool"]);
      const [past, update] = [anyTensor(random, shape, dtype), anyTensor(random, part, dtype)];
      const most = shape[axis]!;
      const starts = Array.from({ length: shape[0]! }, () => random.integer(0, circular ? 2 * most : most - length));
      const given = random.chance(0.8) ? starts : undefined;
      const indices = given ? { data: BigInt64Array.from(given, BigInt), shape: [given.length] } : null;
      const attributes = {
        ...(axis !== rank - 2 && { axis: random.chance(0.5) ? axis : axis - rank }),
        ...(circular ? { mode: "circular" } : random.chance(0.5) && { mode: "linear" }),
      };
      const where = `node ${seed}: ${JSON.stringify({ shape, part, dtype, given, ...attributes })}`;
      const want = scattered(operandOf(past), operandOf(update), axis, given ?? []);
      checkOperator(engine, TensorScatter as Operator, [past, update, indices], attributes as never, [want], where, 0);
      assert.is(TensorScatter<HostTensor>(engine, [past, update, indices], attributes as never)[0].dtype, dtype);
    }
  });

  test("views of resident tensors", () => {
    const random = new Random(9);
    const host = hostTensor(random.normals(24), [2, 3, 4]);
    using tensor = engine.tensor(host);
    using view = tensor.permute([1, 2, 0]);
    const dense = view.toHost();
    for (const operator of [Gelu, Softmax] as const) {
      using got = operator<Tensor>(engine, [view])[0];
      assert.equal(got.toHost().data, operator<HostTensor>(engine, [dense])[0].data);
    }
    using update = engine.tensor(hostTensor(random.normals(6), [3, 1, 2]));
    using got = TensorScatter<Tensor>(engine, [view, update])[0];
    assert.equal(got.toHost().data, TensorScatter<HostTensor>(engine, [dense, update.toHost()])[0].data);
  });

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}

/** Along one axis. */
function softmax(x: ArrayLike<number>, shape: readonly number[], axis: number): Float64Array {
  const [n, inner] = [shape[axis]!, size(shape.slice(axis + 1))];
  return Float64Array.from(x, (value, at) => {
    const start = Math.floor(at / (n * inner)) * n * inner + (at % inner);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.exp(x[start + i * inner]! - value);
    return 1 / sum;
  });
}

/** The element of a factor that belongs to element `at` of the shape it is broadcast to. */
function broadcast(
  { data, shape: own }: { data: ArrayLike<number>; shape: readonly number[] },
  shape: readonly number[],
) {
  return (at: number): number => {
    let [place, stride, rest] = [0, 1, at];
    for (let axis = shape.length - 1, o = own.length - 1; o >= 0; axis--, o--) {
      const index = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
      if (own[o] !== 1) place += index * stride;
      stride *= own[o]!;
    }
    return data[place]!;
  };
}

function normalization(X: HostTensor, Scale: HostTensor, B: HostTensor | null, axis: number, epsilon: number) {
  const { data: x, shape } = operandOf(X);
  const n = size(shape.slice(axis));
  const rows = size(shape.slice(0, axis));
  const [scale, bias] = [broadcast(operandOf(Scale), shape), B ? broadcast(operandOf(B), shape) : () => 0];
  const row = (r: number) => Array.from({ length: n }, (_, i) => x[r * n + i]!);
  const mean = Float64Array.from({ length: rows }, (_, r) => row(r).reduce((sum, v) => sum + v, 0) / n);
  const inverse = mean.map((m, r) => 1 / Math.sqrt(row(r).reduce((sum, v) => sum + (v - m) ** 2, 0) / n + epsilon));
  const data = exact(x, (v, at) => {
    const r = Math.floor(at / n);
    return (v - mean[r]!) * inverse[r]! * scale(at) + bias(at);
  });
  const statistics = shape.map((size, i) => (i < axis ? size : 1));
  return [
    { data, shape },
    { data: mean, shape: statistics },
    { data: inverse, shape: statistics },
  ];
}

function rootMeanSquare(X: HostTensor, Scale: HostTensor, axis: number, epsilon: number) {
  const { data: x, shape } = operandOf(X);
  const n = size(shape.slice(axis));
  const scale = broadcast(operandOf(Scale), shape);
  const data = exact(x, (v, at) => {
    const start = Math.floor(at / n) * n;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[start + i]! ** 2;
    return (v / Math.sqrt(sum / n + epsilon)) * scale(at);
  });
  return { data, shape };
}

function anyTensor(random: Random, shape: readonly number[], dtype: DType): HostTensor {
  const numbers = random.normals(size(shape), 50);
  if (dtype === "int32") return { data: Int32Array.from(numbers), shape, dtype };
  if (dtype === "int64") return { data: BigInt64Array.from(numbers, (n) => BigInt(Math.round(n))), shape, dtype };
  if (dtype === "bool") return { data: Uint8Array.from(numbers, (n) => Number(n > 0)), shape, dtype };
  return hostTensor(numbers, shape, dtype);
}

/** present_cache[b, .., start + i, ..] = update[b, .., i, ..] */
function scattered(
  past: { data: ArrayLike<number>; shape: readonly number[] },
  update: { data: ArrayLike<number>; shape: readonly number[] },
  axis: number,
  starts: readonly number[],
) {
  const data = Float64Array.from(past.data);
  const [most, length] = [past.shape[axis]!, update.shape[axis]!];
  const inner = size(past.shape.slice(axis + 1));
  const slices = size(past.shape.slice(0, axis));
  for (let at = 0; at < update.data.length; at++) {
    const [j, i] = [at % inner, Math.floor(at / inner) % length];
    const slice = Math.floor(at / (inner * length));
    const start = starts[Math.floor((slice * past.shape[0]!) / slices)] ?? 0;
    data[(slice * most + ((start + i) % most)) * inner + j] = update.data[at]!;
  }
  return { data, shape: past.shape };
}

const errors = suite("onnx: layers, errors");
errors("name the operators' inputs and attributes", () => {
  const engine: Engine = loadSync();
  const zeros = (...shape: number[]) => hostTensor(new Float32Array(size(shape)), shape);
  const half = (...shape: number[]) => hostTensor(new Float32Array(size(shape)), shape, "float16");
  const ids = (...n: number[]) => ({ data: BigInt64Array.from(n, BigInt), shape: [n.length] });
  const x = zeros(2, 3);
  const integers = { data: new Int32Array(6), shape: [2, 3] };

  let fails = refusals(engine, Gelu as Operator);
  fails("ERR_ARGUMENT_TYPE", /^X must be a tensor: got undefined/, []);
  fails("ERR_VALUE", /^Gelu has at most 1 inputs: got 2/, [x, x]);
  fails("ERR_DTYPE", /^X must be float32, float16 or bfloat16: got int32/, [integers]);
  fails("ERR_UNKNOWN_OPTION", /^Gelu has no attribute 'alpha'/, [x], { alpha: 1 });
  fails("ERR_VALUE", /^approximate must be 'none' or 'tanh': got "erf"/, [x], { approximate: "erf" });
  fails("ERR_ARGUMENT_TYPE", /^approximate must be a string: got 1/, [x], { approximate: 1 });
  fails = refusals(engine, Swish as Operator);
  fails("ERR_ARGUMENT_TYPE", /^alpha must be a number: got "1"/, [x], { alpha: "1" });
  fails = refusals(engine, SwiGLU as Operator);
  fails("ERR_SHAPE", /^B.shape must be \[2, 3\]: got \[3\]/, [x, zeros(3)]);
  fails("ERR_DTYPE", /^B must be float32, as A is: got float16/, [x, half(2, 3)]);
  fails = refusals(engine, Softmax as Operator);
  fails("ERR_VALUE", /^axis must be an integer from -2 to 1: got 2/, [x], { axis: 2 });
  fails = refusals(engine, LayerNormalization as Operator);
  fails("ERR_ARGUMENT_TYPE", /^Scale must be a tensor: got undefined/, [x]);
  fails("ERR_SHAPE", /^Scale.shape\[0\] must be 1 or 3 to broadcast to \[2, 3\]: got 2/, [x, zeros(2)]);
  fails("ERR_SHAPE", /^B.shape\[0\] must be 1 to broadcast to \[2, 3\]: got 4/, [x, zeros(3), zeros(4, 2, 3)]);
  fails("ERR_DTYPE", /^Scale must be float32, as X is: got float16/, [x, half(3)]);
  fails("ERR_VALUE", /^stash_type must be 1 \(float\) or 16 \(bfloat16\): got 11/, [x, zeros(3)], { stash_type: 11 });
  fails("ERR_VALUE", /^axis must be an integer from -2 to 1: got -3/, [x, zeros(3)], { axis: -3n });
  fails = refusals(engine, RMSNormalization as Operator);
  fails("ERR_VALUE", /^RMSNormalization has at most 2 inputs: got 3/, [x, zeros(3), zeros(3)]);
  fails("ERR_DTYPE", /^scale must be float32, float16 or bfloat16: got int32/, [x, integers]);
  fails = refusals(engine, TensorScatter as Operator);
  const cache = zeros(2, 4, 3);
  fails("ERR_SHAPE", /^past_cache.shape must have at least 2 axes: got \[3\]/, [zeros(3), zeros(3)]);
  fails("ERR_SHAPE", /^update.shape must be \[2, at most 4, 3\]: got \[2, 5, 3\]/, [cache, zeros(2, 5, 3)]);
  fails("ERR_SHAPE", /^update.shape must be \[2, at most 4, 3\]: got \[1, 4, 3\]/, [cache, zeros(1, 4, 3)]);
  fails("ERR_DTYPE", /^update must be float32, as past_cache is: got float16/, [cache, half(2, 1, 3)]);
  fails("ERR_VALUE", /^axis must be an integer from -2 to 1 that is not the batch's: got -2/, [x, x]);
  fails("ERR_VALUE", /^axis must be .* that is not the batch's: got 0/, [cache, cache], { axis: 0 });
  fails("ERR_VALUE", /^mode must be 'linear' or 'circular': got "ring"/, [cache, cache], { mode: "ring" });
  fails("ERR_ARGUMENT_TYPE", /^mode must be a string: got 1/, [cache, cache], { mode: 1 });
  fails("ERR_SHAPE", /^write_indices.shape must be \[2\]: got \[1\]/, [cache, cache, ids(0)]);
  fails("ERR_VALUE", /^write_indices\[1\] must lie in 0 to 2, so that the update fits: got 3/, [
    cache,
    zeros(2, 2, 3),
    ids(2, 3),
  ]);
  fails("ERR_VALUE", /^write_indices\[0\] must be at least 0: got -1/, [cache, cache, ids(-1, 0)], {
    mode: "circular",
  });
  using resident = engine.tensor(cache);
  fails("ERR_MIXED_KINDS", /^update must be a resident Tensor, as past_cache is/, [resident, cache]);
  engine.close();
});
errors.run();
