// Random nodes of ONNX RNN, GRU and LSTM, and what the operators' texts say of them, in float64.
import type { DType, HostTensor } from "../../src/index.js";
import type { GRUAttributes, LSTMAttributes } from "../../src/onnx/index.js";
import { hostTensor, operandOf, size } from "../properties/arrays.js";
import { Random } from "../properties/random.js";

type F = (x: number) => number;
type Floats = ArrayLike<number>;
type Output = { data: Float64Array; shape: number[] };

const sigmoid: F = (x) => 1 / (1 + Math.exp(-x));

/** By name, with how many of alpha and beta each takes, and their defaults. */
const ACTIVATIONS: Record<string, { alpha?: number; beta?: number; f: (alpha: number, beta: number) => F }> = {
  Relu: { f: () => (x) => Math.max(0, x) },
  Tanh: { f: () => Math.tanh },
  Sigmoid: { f: () => sigmoid },
  Affine: { alpha: 1, beta: 0, f: (alpha, beta) => (x) => alpha * x + beta },
  LeakyRelu: { alpha: 0.01, f: (alpha) => (x) => (x >= 0 ? x : alpha * x) },
  ThresholdedRelu: { alpha: 1, f: (alpha) => (x) => (x >= alpha ? x : 0) },
  ScaledTanh: { alpha: 1, beta: 1, f: (alpha, beta) => (x) => alpha * Math.tanh(beta * x) },
  HardSigmoid: { alpha: 0.2, beta: 0.5, f: (alpha, beta) => (x) => Math.min(Math.max(alpha * x + beta, 0), 1) },
  Elu: { alpha: 1, f: (alpha) => (x) => (x >= 0 ? x : alpha * (Math.exp(x) - 1)) },
  Softsign: { f: () => (x) => x / (1 + Math.abs(x)) },
  Softplus: { f: () => (x) => Math.log(1 + Math.exp(x)) },
};
const DEFAULTS = { RNN: ["Tanh"], GRU: ["Sigmoid", "Tanh"], LSTM: ["Sigmoid", "Tanh", "Tanh"] };
const GATES = { RNN: 1, GRU: 3, LSTM: 4 };

export interface RecurrentNode {
  readonly cell: "RNN" | "GRU" | "LSTM";
  readonly inputs: readonly (HostTensor | null)[];
  readonly attributes: GRUAttributes & LSTMAttributes;
  readonly wants: readonly Output[];
  readonly where: string;
}

export function recurrentNode(seed: number): RecurrentNode {
  const random = new Random(seed + 7000);
  const cell = random.pick(["RNN", "GRU", "LSTM"] as const);
  const [T, B, I, H] = [random.integer(1, 5), random.integer(1, 4), random.integer(1, 9), random.integer(1, 9)];
  const direction = random.pick(["forward", "reverse", "bidirectional"] as const);
  const D = direction === "bidirectional" ? 2 : 1;
  const rows = GATES[cell] * H;
  const dtype = random.pick<DType>(["float32", "float32", "float16", "bfloat16"]);
  const make = (deviation: number, ...shape: number[]) =>
    hostTensor(random.normals(size(shape), deviation), shape, dtype);
  const maybe = <V>(chance: number, value: V) => (random.chance(chance) ? value : null);
  const X = make(1, T, B, I);
  // Small, for some activations are unbounded
  const [W, R, bias] = [make(0.25, D, rows, I), make(0.2, D, rows, H), maybe(0.7, make(0.3, D, 2 * rows))];
  const lengths = maybe(
    0.5,
    Int32Array.from({ length: B }, () => random.integer(0, T)),
  );
  const [h0, c0] = [maybe(0.5, make(1, D, B, H)), maybe(0.5, make(1, D, B, H))];
  const P = cell === "LSTM" ? maybe(0.5, make(0.3, D, 3 * H)) : null;

  const attributes: Record<string, unknown> = {};
  if (direction !== "forward" || random.chance(0.2)) attributes.direction = direction;
  if (random.chance(0.5)) attributes.hidden_size = random.chance(0.5) ? H : BigInt(H);
  if (random.chance(0.3)) attributes.clip = random.pick([0.3, 1]);
  if (cell === "GRU" && random.chance(0.6)) attributes.linear_before_reset = 1;
  if (cell === "LSTM" && random.chance(0.25)) attributes.input_forget = 1;
  const batchFirst = random.chance(0.4);
  if (batchFirst) attributes.layout = 1;
  const functions = random.chance(0.5) ? randomActivations(random, DEFAULTS[cell].length * D, attributes) : undefined;
  const count = DEFAULTS[cell].length;
  const defaults = DEFAULTS[cell].map((name) => ACTIVATIONS[name]!.f(0, 0));

  const swap = (tensor: HostTensor | null) => (batchFirst && tensor ? swapFirst(tensor) : tensor);
  const inputs = [swap(X), W, R, bias, lengths && { data: lengths, shape: [B] }, swap(h0)];
  if (cell === "LSTM") inputs.push(swap(c0), P);
  const numbers = (tensor: HostTensor | null) => tensor && operandOf(tensor).data;
  const ways = Array.from({ length: D }, (_, d) =>
    oneDirection({
      cell,
      sizes: [T, B, I, H],
      reverse: direction === "reverse" || d === 1,
      x: numbers(X)!,
      w: part(numbers(W)!, d, D),
      r: part(numbers(R)!, d, D),
      bias: bias && part(numbers(bias)!, d, D),
      p: P && part(numbers(P)!, d, D),
      h: h0 ? part(numbers(h0)!, d, D) : new Float64Array(B * H),
      c: c0 && cell === "LSTM" ? part(numbers(c0)!, d, D) : new Float64Array(B * H),
      lengths: lengths ?? new Int32Array(B).fill(T),
      functions: functions?.slice(d * count, (d + 1) * count) ?? defaults,
      attributes,
    }),
  );
  return {
    cell,
    inputs,
    attributes,
    wants: outputs(ways, [T, D, B, H], batchFirst).slice(0, cell === "LSTM" ? 3 : 2),
    where: `node ${seed}: ${cell} ${JSON.stringify({ T, B, I, H, dtype, bias: !!bias, lengths, P: !!P })} ${Object.entries(attributes)}`,
  };
}

/** Names, alphas and betas; of some the values are left to the defaults at the end of the lists. */
function randomActivations(random: Random, count: number, attributes: Record<string, unknown>): F[] {
  const names = Array.from({ length: count }, () => random.pick(Object.keys(ACTIVATIONS)));
  const values = (kind: "alpha" | "beta") => {
    const taking = names.filter((name) => ACTIVATIONS[name]![kind] !== undefined).length;
    return Array.from({ length: random.integer(0, taking) }, () => Math.fround(random.normal() * 0.4));
  };
  const [alphas, betas] = [values("alpha"), values("beta")];
  Object.assign(attributes, { activations: names, activation_alpha: alphas, activation_beta: betas });
  const [left, leftBetas] = [[...alphas], [...betas]];
  return names.map((name) => {
    const { alpha, beta, f } = ACTIVATIONS[name]!;
    return f(alpha === undefined ? 0 : (left.shift() ?? alpha), beta === undefined ? 0 : (leftBetas.shift() ?? beta));
  });
}

interface Way {
  cell: "RNN" | "GRU" | "LSTM";
  sizes: [T: number, B: number, I: number, H: number];
  reverse: boolean;
  x: Floats;
  w: Floats;
  r: Floats;
  bias: Floats | null;
  p: Floats | null;
  h: Floats;
  c: Floats;
  lengths: Int32Array;
  functions: readonly F[];
  attributes: Record<string, unknown>;
}

/** The equations of the operators' texts, unit by unit. */
function oneDirection({ cell, sizes: [T, B, I, H], ...way }: Way) {
  const { linear_before_reset: linear, input_forget: coupled, clip } = way.attributes;
  const bound = (clip as number | undefined) ?? Number.POSITIVE_INFINITY;
  const clipped = way.functions.map(
    (f): F =>
      (x) =>
        f(Math.min(Math.max(x, -bound), bound)),
  );
  const [f, g, h] = clipped as [F, F, F];
  const rows = GATES[cell] * H;
  const y = new Float64Array(T * B * H);
  const [hN, cN] = [Float64Array.from(way.h), Float64Array.from(way.c)];
  for (let b = 0; b < B; b++) {
    let state = Array.from({ length: H }, (_, j) => hN[b * H + j]!);
    let c = Array.from({ length: H }, (_, j) => cN[b * H + j]!);
    const length = way.lengths[b]!;
    for (let step = 0; step < length; step++) {
      const t = way.reverse ? length - 1 - step : step;
      const at = (gate: number, j: number) => gate * H + j;
      const input = (gate: number, j: number) => {
        let sum = way.bias?.[at(gate, j)] ?? 0;
        for (let i = 0; i < I; i++) sum += way.w[at(gate, j) * I + i]! * way.x[(t * B + b) * I + i]!;
        return sum;
      };
      const recurrent = (gate: number, j: number, from = state) => {
        let sum = way.bias?.[rows + at(gate, j)] ?? 0;
        for (let i = 0; i < H; i++) sum += way.r[at(gate, j) * H + i]! * from[i]!;
        return sum;
      };
      const both = (gate: number, j: number) => input(gate, j) + recurrent(gate, j);
      const peep = (gate: number, j: number, of: number[]) => (way.p?.[at(gate, j)] ?? 0) * of[j]!;
      const units = Array.from({ length: H }, (_, j) => j);
      if (cell === "RNN") state = units.map((j) => f(both(0, j)));
      else if (cell === "GRU") {
        const z = units.map((j) => f(both(0, j)));
        const r = units.map((j) => f(both(1, j)));
        const reset = state.map((x, j) => r[j]! * x);
        const fresh = units.map((j) => g(input(2, j) + (linear ? r[j]! * recurrent(2, j) : recurrent(2, j, reset))));
        state = units.map((j) => (1 - z[j]!) * fresh[j]! + z[j]! * state[j]!);
      } else {
        const i = units.map((j) => f(both(0, j) + peep(0, j, c)));
        const forget = units.map((j) => (coupled ? 1 - i[j]! : f(both(2, j) + peep(2, j, c))));
        const before = c;
        c = units.map((j) => forget[j]! * before[j]! + i[j]! * g(both(3, j)));
        state = units.map((j) => f(both(1, j) + peep(1, j, c)) * h(c[j]!));
      }
      y.set(state, (t * B + b) * H);
    }
    hN.set(state, b * H);
    cN.set(c, b * H);
  }
  return { y, h: hN, c: cN };
}

/** Y [T, D, B, H], Y_h and Y_c [D, B, H]; or with the batch first [B, T, D, H] and [B, D, H]. */
function outputs(
  ways: { y: Float64Array; h: Float64Array; c: Float64Array }[],
  [T, D, B, H]: [number, number, number, number],
  batchFirst: boolean,
): Output[] {
  const Y = { data: new Float64Array(T * D * B * H), shape: batchFirst ? [B, T, D, H] : [T, D, B, H] };
  const states = (["h", "c"] as const).map((name) => {
    const data = new Float64Array(D * B * H);
    for (let d = 0; d < D; d++) {
      for (let b = 0; b < B; b++) {
        const row = batchFirst ? b * D + d : d * B + b;
        data.set(ways[d]![name].subarray(b * H, (b + 1) * H), row * H);
      }
    }
    return { data, shape: batchFirst ? [B, D, H] : [D, B, H] };
  });
  for (let t = 0; t < T; t++) {
    for (let d = 0; d < D; d++) {
      for (let b = 0; b < B; b++) {
        const row = batchFirst ? (b * T + t) * D + d : (t * D + d) * B + b;
        Y.data.set(ways[d]!.y.subarray((t * B + b) * H, (t * B + b + 1) * H), row * H);
      }
    }
  }
  return [Y, ...states];
}

/** The first two axes of three exchanged. */
function swapFirst(tensor: HostTensor): HostTensor {
  const [A, B, C] = tensor.shape as [number, number, number];
  const from = tensor.data as Float32Array;
  const data = new (from.constructor as new (n: number) => Float32Array)(from.length);
  for (let a = 0; a < A; a++) {
    for (let b = 0; b < B; b++) data.set(from.subarray((a * B + b) * C, (a * B + b + 1) * C), (b * A + a) * C);
  }
  return { ...tensor, data, shape: [B, A, C] };
}

function part(data: Floats, index: number, count: number): Float64Array {
  const each = data.length / count;
  return Float64Array.from(data).subarray(index * each, (index + 1) * each);
}
