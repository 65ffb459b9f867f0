// Causal convolution against its sum in float64: kernels wider than the sequence, rows of several blocks, states handed on,
// views, 16 bits, and every message.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../src/index.js";
import { causalConv1d, type CausalConv1dOptions, silu } from "../src/layers/index.js";
import { narrow, widen } from "../src/onnx/sixteen-bits.js";
import { causalConv1d as oracle } from "../src/reference/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertWithin } from "./layers/exact.js";
import { generator, tensor } from "./random.js";
import { assertRefusal } from "./refusal.js";

const random = generator(83);
const SIZES = [
  [1, 1, 1, 1],
  [2, 3, 1, 4],
  [1, 4, 7, 4],
  [2, 2, 2, 5],
  [1, 1, 3, 33],
  [2, 3, 33, 3],
  [1, 2, 511, 8],
  [1, 2, 513, 1],
  [1, 1, 1037, 4],
  [1, 1, 1100, 700],
] as const;

for (const build of BUILDS) {
  const test = suite(`layers: causal convolution (${build})`);
  const engine = guardedEngine(build);

  test("the sum in float64, and SiLU of it", () => {
    for (const [B, C, T, K] of SIZES) {
      const x = tensor(random, B, C, T);
      const weight = tensor(random, C, 1, K);
      const bias = tensor(random, C);
      const state = tensor(random, B, C, K - 1);
      for (const given of [{}, { bias }, { state }, { bias, state }] as CausalConv1dOptions<typeof x>[]) {
        const got = causalConv1d<HostTensor>(engine, x, weight, given);
        const want = oracle(x, weight, given.bias, given.state);
        assert.equal([got.output.shape, got.state.shape], [want.output.shape, want.state.shape]);
        assertWithin(got.output, want.output.data, 2e-6 * Math.sqrt(K) * (4 + Math.sqrt(K)), `${[B, C, T, K]}`);
        assert.equal(got.state.data, Float32Array.from(want.state.data), "the state is copied");
        const active = causalConv1d<HostTensor>(engine, x, weight, { ...given, activation: "silu" });
        assert.equal(active.output.data, silu(engine, got.output).data);
      }
    }
  });

  test("however a sequence is cut, the same bits", () => {
    const [C, T, K] = [3, 700, 4];
    const x = tensor(random, C, T);
    const weight = tensor(random, C, 1, K);
    const whole = causalConv1d<HostTensor>(engine, x, weight);
    const part = ({ data }: HostTensor, start: number, end: number): HostTensor => {
      const rows = Array.from({ length: C }, (_, c) => [
        ...(data as Float32Array).subarray(c * T + start, c * T + end),
      ]);
      return { data: Float32Array.from(rows.flat()), shape: [C, end - start] };
    };
    let state: HostTensor = { data: new Float32Array(C * (K - 1)), shape: [C, K - 1] };
    for (const [start, end] of [
      [0, 1],
      [1, 3],
      [3, 3],
      [3, 519],
      [519, 700],
    ] as const) {
      const result = causalConv1d(engine, part(x, start, end), weight, { state });
      assert.equal(result.output.data, part(whole.output, start, end).data);
      state = result.state;
    }
    assert.equal(state.data, whole.state.data);
  });

  test("resident tensors and views of them: the same bits, and nothing kept", () => {
    const x = tensor(random, 2, 5, 9);
    const [weight, bias, state] = [tensor(random, 9, 1, 4), tensor(random, 9), tensor(random, 2, 9, 3)];
    const turned = { data: new Float32Array(90), shape: [2, 9, 5] };
    for (let i = 0; i < 90; i++)
      turned.data[i] = x.data[Math.floor(i / 45) * 45 + (i % 5) * 9 + (Math.floor(i / 5) % 9)]!;
    const want = causalConv1d<HostTensor>(engine, turned, weight, { bias, state });
    const held = [x, weight, bias, state].map((each) => engine.tensor(each));
    const view = held[0]!.permute([0, 2, 1]);
    const got = causalConv1d(engine, view, held[1]!, { bias: held[2]!, state: held[3]! });
    assert.equal(got.output.toHost().data, want.output.data);
    assert.equal(got.state.toHost().data, want.state.data);
    assert.equal(held[3]!.toHost().data, state.data, "the given state is left as it was");
    for (const each of [...held, view, got.output, got.state]) each.dispose();
    assert.is(engine.info.memory.used, 0);
  });

  for (const dtype of ["float16", "bfloat16"] as const) {
    test(`${dtype}: float32 inside, rounded once`, () => {
      const wide = (...shape: number[]) => {
        const { data } = tensor(random, ...shape);
        return { data: widen(narrow(data, dtype), dtype), shape };
      };
      const bits = ({ data, shape }: ReturnType<typeof wide>): HostTensor => ({
        data: narrow(data, dtype),
        shape,
        dtype,
      });
      const [x, weight, state] = [wide(2, 3, 21), wide(3, 1, 4), wide(2, 3, 3)];
      const want = causalConv1d<HostTensor>(engine, x as HostTensor, weight as HostTensor, {
        state: state as HostTensor,
        activation: "silu",
      });
      const got = causalConv1d(engine, bits(x), bits(weight), { state: bits(state), activation: "silu" });
      assert.equal([got.output.dtype, got.state.dtype], [dtype, dtype]);
      assert.equal(got.output.data, narrow(want.output.data as Float32Array, dtype));
      assert.equal(got.state.data, narrow(want.state.data as Float32Array, dtype));
    });
  }

  const x = tensor(random, 2, 3, 6);
  const weight = tensor(random, 3, 1, 4);
  const run = (options: unknown, input: HostTensor = x, kernel: HostTensor = weight) =>
    causalConv1d(engine, input, kernel, options as CausalConv1dOptions<HostTensor>);
  const messages: [code: string, message: string, run: () => unknown][] = [
    [
      "ERR_UNKNOWN_OPTION",
      "there is no option 'stride': the options are bias, state, activation",
      () => run({ stride: 2 }),
    ],
    ["ERR_VALUE", "activation must be 'none', 'silu': got \"relu\"", () => run({ activation: "relu" })],
    ["ERR_SHAPE", "x.shape must be [B, C, T] or [C, T]: got [6]", () => run({}, tensor(random, 6))],
    ["ERR_SHAPE", "weight.shape must be [3, 1, any]: got [3, 4]", () => run({}, x, tensor(random, 3, 4))],
    ["ERR_SHAPE", "weight.shape[2] must be at least 1: got 0", () => run({}, x, tensor(random, 3, 1, 0))],
    ["ERR_SHAPE", "bias.shape must be [3]: got [2]", () => run({ bias: tensor(random, 2) })],
    ["ERR_SHAPE", "state.shape must be [2, 3, 3]: got [2, 3, 4]", () => run({ state: tensor(random, 2, 3, 4) })],
    [
      "ERR_DTYPE",
      "state must be float32, as x is: got float16",
      () => run({ state: { data: new Uint16Array(18), shape: [2, 3, 3], dtype: "float16" } }),
    ],
    [
      "ERR_DTYPE",
      "x must be float32, float16 or bfloat16: got int32",
      () => run({}, { data: new Int32Array(18), shape: [1, 3, 6] }),
    ],
  ];
  for (const [code, message, wrong] of messages) {
    test(message, () => assertRefusal(engine, code, message, wrong));
  }

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}
