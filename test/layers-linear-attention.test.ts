// Linear attention against its recurrence in float64: all four rules, grouped heads, sizes that fill blocks and do not, states
// handed on, layouts, views, 16 bits, and every message.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionError, type HostTensor, loadSync, type Tensor } from "../src/index.js";
import { linearAttention, type LinearAttentionOptions } from "../src/layers/index.js";
import { narrow, widen } from "../src/onnx/sixteen-bits.js";
import { linearAttention as oracle } from "../src/reference/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertWithin } from "./layers/exact.js";
import { generator, tensor } from "./random.js";

type Host = HostTensor & { data: Float32Array<ArrayBuffer> };
type Sizes = readonly [B: number, Hq: number, H: number, T: number, Dk: number, Dv: number];
type Options = LinearAttentionOptions<HostTensor>;

const RULES = { linear: [], gated: ["decay"], delta: ["beta"], "gated delta": ["decay", "beta"] } as const;
const SIZES: readonly Sizes[] = [
  [1, 1, 1, 1, 1, 1],
  [2, 2, 2, 3, 3, 7],
  [1, 4, 2, 7, 8, 8],
  [2, 3, 1, 8, 7, 33],
  [1, 2, 2, 33, 33, 16],
  [1, 8, 2, 65, 8, 17],
  [1, 2, 1, 70, 64, 48],
];

const random = generator(71);
const mapped = (x: Host, f: (x: number) => number): Host => ({ ...x, data: x.data.map(f) });

/** Keys of about length 1, decays below 0, rates from 0 to 1. */
function draw([B, Hq, H, T, Dk, Dv]: Sizes, perChannel = true) {
  return {
    query: tensor(random, B, Hq, T, Dk),
    key: mapped(tensor(random, B, H, T, Dk), (x) => x / Math.sqrt(Dk)),
    value: tensor(random, B, H, T, Dv),
    decay: mapped(perChannel ? tensor(random, B, H, T, Dk) : tensor(random, B, H, T), (x) => -Math.abs(x) / 4),
    beta: mapped(tensor(random, B, H, T), (x) => 1 / (1 + Math.exp(-x))),
    state: tensor(random, B, H, Dk, Dv),
  };
}

const pick = (all: ReturnType<typeof draw>, names: readonly ("decay" | "beta" | "state")[]): Options =>
  Object.fromEntries(names.map((name) => [name, all[name]]));

/** Tokens from `start` to before `end`. */
function tokens(x: HostTensor, start: number, end: number): Host {
  const [B, H, T, ...rest] = x.shape as [number, number, number, ...number[]];
  const row = rest[0] ?? 1;
  const data = x.data as Float32Array;
  const parts = Array.from({ length: B * H }, (_, head) => [
    ...data.subarray((head * T + start) * row, (head * T + end) * row),
  ]);
  return { data: Float32Array.from(parts.flat()), shape: [B, H, end - start, ...rest] };
}

/** [B, H, T, ...] as [B, T, H, ...] and back. */
function swapped(x: HostTensor): Host {
  const [B, H, T, ...rest] = x.shape as [number, number, number, ...number[]];
  const row = rest[0] ?? 1;
  const data = new Float32Array(x.data.length);
  for (let i = 0; i < data.length; i++) {
    const [c, t, h, b] = [i % row, Math.floor(i / row) % T, Math.floor(i / row / T) % H, Math.floor(i / row / T / H)];
    data[((b * T + t) * H + h) * row + c] = (x.data as Float32Array)[i]!;
  }
  return { data, shape: [B, T, H, ...rest] };
}

function assertSame(got: { output: HostTensor; state: HostTensor }, want: { output: HostTensor; state: HostTensor }) {
  assert.equal(got.output.data, want.output.data);
  assert.equal(got.state.data, want.state.data);
}

for (const build of BUILDS) {
  const test = suite(`layers: linear attention (${build})`);
  const engine = guardedEngine(build);

  for (const [rule, names] of Object.entries(RULES)) {
    test(`${rule}: the recurrence in float64`, () => {
      for (const sizes of SIZES) {
        for (const perChannel of [true, false]) {
          const all = draw(sizes, perChannel);
          const options = pick(all, [...names, ...(perChannel ? (["state"] as const) : [])]);
          if (!perChannel) Object.assign(options, { scale: -0.3 });
          const got = linearAttention<HostTensor>(engine, all.query, all.key, all.value, options);
          const want = oracle(all.query, all.key, all.value, options as Parameters<typeof oracle>[3]);
          for (const name of ["output", "state"] as const) {
            assert.equal(got[name].shape, want[name].shape);
            const largest = want[name].data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
            assertWithin(got[name], want[name].data, 3e-6 * largest, `${rule} ${sizes}: ${name}`);
          }
        }
      }
    });

    test(`${rule}: however a sequence is cut, the same bits`, () => {
      const sizes = [2, 4, 2, 70, 12, 20] as const;
      const all = draw(sizes);
      const whole = linearAttention<HostTensor>(engine, all.query, all.key, all.value, pick(all, [...names, "state"]));
      for (const cuts of [
        [0, 1, 2, 70],
        [0, 31, 33, 33, 69, 70],
      ]) {
        let state: HostTensor = all.state;
        for (const [i, start] of cuts.slice(0, -1).entries()) {
          const part = (x: HostTensor) => tokens(x, start, cuts[i + 1]!);
          const options = Object.fromEntries(names.map((name) => [name, part(all[name])]));
          const result = linearAttention(engine, part(all.query), part(all.key), part(all.value), {
            ...options,
            state,
          });
          assert.equal(result.output.data, part(whole.output).data);
          state = result.state;
        }
        assert.equal(state.data, whole.state.data);
      }
    });
  }

  test("layouts and ranks: the same bits", () => {
    for (const perChannel of [true, false]) {
      const all = draw([2, 4, 2, 9, 5, 18], perChannel);
      const options = pick(all, ["decay", "beta", "state"]);
      const want = linearAttention<HostTensor>(engine, all.query, all.key, all.value, options);
      const got = linearAttention<HostTensor>(engine, swapped(all.query), swapped(all.key), swapped(all.value), {
        decay: swapped(all.decay),
        beta: swapped(all.beta),
        state: all.state,
        layout: "BSHD",
      });
      assertSame({ output: swapped(got.output), state: got.state }, want);
    }
    const all = draw([1, 1, 1, 9, 5, 18]);
    const without = (x: Host, axes: number): Host => ({ ...x, shape: x.shape.slice(axes) });
    const want = linearAttention<HostTensor>(
      engine,
      all.query,
      all.key,
      all.value,
      pick(all, ["decay", "beta", "state"]),
    );
    for (const axes of [1, 2]) {
      const got = linearAttention<HostTensor>(
        engine,
        without(all.query, axes),
        without(all.key, axes),
        without(all.value, axes),
        {
          decay: without(all.decay, axes),
          beta: without(all.beta, axes),
          state: without(all.state, axes),
        },
      );
      assert.equal([got.output.shape, got.state.shape], [want.output.shape.slice(axes), want.state.shape.slice(axes)]);
      assertSame(got, want);
    }
  });

  test("axes of size 1 repeat", () => {
    const [B, H, T, Dk] = [2, 3, 10, 4];
    const all = draw([B, H, H, T, Dk, 5]);
    const repeat = (x: Host, ...shape: number[]): Host => {
      const data = new Float32Array(shape.reduce((a, b) => a * b));
      for (let i = 0; i < data.length; i++) {
        let [from, rest, stride] = [0, i, 1];
        for (let axis = shape.length - 1; axis >= 0; axis--) {
          if (x.shape[axis] !== 1) from += (rest % shape[axis]!) * stride;
          rest = Math.floor(rest / shape[axis]!);
          stride *= x.shape[axis]!;
        }
        data[i] = x.data[from]!;
      }
      return { data, shape };
    };
    const below = (...shape: number[]) => mapped(tensor(random, ...shape), (x) => -Math.abs(x));
    for (const [decay, full] of [
      [below(1, H, 1), [B, H, T]],
      [below(B, 1, T), [B, H, T]],
      [below(1, H, 1, Dk), [B, H, T, Dk]],
      [below(B, H, T, 1), [B, H, T, Dk]],
      [below(1, 1, T, 1), [B, H, T, Dk]],
    ] as const) {
      for (const beta of [all.beta, tensor(random, B, 1, T), tensor(random, 1, H, 1)]) {
        const got = linearAttention<HostTensor>(engine, all.query, all.key, all.value, { decay, beta });
        const options = { decay: repeat(decay, ...full), beta: repeat(beta, B, H, T) };
        assertSame(got, linearAttention<HostTensor>(engine, all.query, all.key, all.value, options));
      }
    }
    const one = draw([1, H, H, T, Dk, 5]);
    const twice = (x: Host): Host => ({ data: Float32Array.of(...x.data, ...x.data), shape: [2, ...x.shape.slice(1)] });
    const got = linearAttention<HostTensor>(engine, all.query, one.key, one.value, {});
    assertSame(got, linearAttention<HostTensor>(engine, all.query, twice(one.key), twice(one.value), {}));
  });

  test("resident tensors and views of them: the same bits, and nothing kept", () => {
    const all = draw([2, 4, 2, 9, 5, 18]);
    const want = linearAttention<HostTensor>(
      engine,
      all.query,
      all.key,
      all.value,
      pick(all, ["decay", "beta", "state"]),
    );
    const held: Tensor[] = [];
    const hold = (x: Tensor) => {
      held.push(x);
      return x;
    };
    // Stored with heads and tokens, and the channels of the state, the other way round
    const turned = (x: Host) =>
      hold(hold(engine.tensor(swapped(x))).permute(x.shape.length === 4 ? [0, 2, 1, 3] : [0, 2, 1]));
    const state = hold(
      hold(hold(hold(engine.tensor(all.state)).permute([0, 1, 3, 2])).contiguous()).permute([0, 1, 3, 2]),
    );
    const { used } = engine.info.memory;
    const got = linearAttention(engine, turned(all.query), turned(all.key), turned(all.value), {
      decay: turned(all.decay),
      beta: turned(all.beta),
      state,
    });
    assertSame({ output: got.output.toHost(), state: got.state.toHost() }, want);
    assert.equal(state.toHost().data, all.state.data, "the given state is left as it was");
    assert.ok(engine.info.memory.used > used);
    got.output.dispose();
    got.state.dispose();
    for (const each of held) each.dispose();
    assert.is(engine.info.memory.used, 0);
  });

  for (const dtype of ["float16", "bfloat16"] as const) {
    test(`${dtype}: float32 inside, rounded once; the state in its own dtype`, () => {
      const all = draw([1, 4, 2, 35, 8, 20]);
      const bits = (x: Host): HostTensor => ({ data: narrow(x.data, dtype), shape: x.shape, dtype });
      const wide = (x: Host): Host => ({
        ...x,
        data: widen(narrow(x.data, dtype), dtype) as Float32Array<ArrayBuffer>,
      });
      const want = linearAttention<HostTensor>(engine, wide(all.query), wide(all.key), wide(all.value), {
        decay: wide(all.decay),
        beta: wide(all.beta),
        state: wide(all.state),
      });
      const args = [bits(all.query), bits(all.key), bits(all.value)] as const;
      const gates = { decay: bits(all.decay), beta: bits(all.beta) };
      const got = linearAttention<HostTensor>(engine, ...args, { ...gates, state: bits(all.state) });
      assert.equal([got.output.dtype, got.state.dtype], [dtype, dtype]);
      assert.equal(got.output.data, narrow(want.output.data as Float32Array, dtype));
      assert.equal(got.state.data, narrow(want.state.data as Float32Array, dtype));
      const mixed = linearAttention<HostTensor>(engine, ...args, { ...gates, state: wide(all.state) });
      assert.is(mixed.state.dtype, "float32");
      assert.equal(mixed.state.data, want.state.data);
      assert.is(linearAttention<HostTensor>(engine, ...args).state.dtype, "float32");
    });
  }

  test("decays of 0, -Infinity and above 0; no tokens; no batch", () => {
    const all = draw([1, 1, 1, 3, 4, 5]);
    const of = (decay: number[]) =>
      linearAttention<HostTensor>(engine, all.query, all.key, all.value, {
        decay: { data: Float32Array.from(decay), shape: [1, 1, 3] },
        state: all.state,
      });
    assertSame(of([0, 0, 0]), linearAttention<HostTensor>(engine, all.query, all.key, all.value, { state: all.state }));
    const forgot = linearAttention(engine, tokens(all.query, 2, 3), tokens(all.key, 2, 3), tokens(all.value, 2, 3));
    assert.equal(of([0, 0, Number.NEGATIVE_INFINITY]).state.data, forgot.state.data);
    const grown = oracle(all.query, all.key, all.value, {
      decay: { data: [2, 0, 10], shape: [1, 1, 3] },
      state: all.state,
    });
    assertWithin(of([2, 0, 10]).state, grown.state.data, (i) => 1e-5 * Math.abs(grown.state.data[i]!) + 1);
    const none = linearAttention<HostTensor>(
      engine,
      tokens(all.query, 0, 0),
      tokens(all.key, 0, 0),
      tokens(all.value, 0, 0),
      {
        beta: tokens(all.beta, 0, 0),
        decay: tokens(all.decay, 0, 0),
        state: all.state,
      },
    );
    assert.equal(none.output.shape, [1, 1, 0, 5]);
    assert.equal(none.state.data, all.state.data);
    const empty = { data: new Float32Array(0), shape: [0, 1, 3, 4] };
    assert.equal(linearAttention<HostTensor>(engine, empty, empty, empty).state.shape, [0, 1, 4, 4]);
  });

  const q = tensor(random, 2, 4, 6, 8);
  const k = tensor(random, 2, 2, 6, 8);
  const v = tensor(random, 2, 2, 6, 5);
  const bool = (...shape: number[]): HostTensor => ({ data: new Uint8Array(shape.reduce((a, b) => a * b)), shape });
  const run = (options: unknown, query: unknown = q, key: unknown = k, value: unknown = v) =>
    linearAttention(engine, query as HostTensor, key as HostTensor, value as HostTensor, options as Options);
  const messages: [code: string, message: string, run: () => unknown][] = [
    [
      "ERR_ARGUMENT_TYPE",
      "engine must be an Engine, as load() gives: got 1",
      () => linearAttention(1 as never, q, k, v),
    ],
    [
      "ERR_UNKNOWN_OPTION",
      "there is no option 'rule': the options are decay, beta, scale, state, layout",
      () => run({ rule: "delta" }),
    ],
    ["ERR_VALUE", "layout must be 'BHSD', 'BSHD': got \"BSD\"", () => run({ layout: "BSD" })],
    ["ERR_ARGUMENT_TYPE", 'scale must be a number: got "1"', () => run({ scale: "1" })],
    ["ERR_VALUE", "scale must be finite: got NaN", () => run({ scale: Number.NaN })],
    ["ERR_ARGUMENT_TYPE", "query must be a Tensor or { data, shape }: got null", () => run({}, null)],
    ["ERR_SHAPE", "query.shape must have at least 2 axes, [S, D]: got [8]", () => run({}, tensor(random, 8))],
    ["ERR_DTYPE", "query must be float32, float16 or bfloat16: got bool", () => run({}, bool(2, 4, 6, 8))],
    ["ERR_SHAPE", "key.shape must have 4 axes, as query has: got [6, 8]", () => run({}, q, tensor(random, 6, 8))],
    [
      "ERR_SHAPE",
      "key.shape[3] must equal query.shape[3]: expected 8, got 7",
      () => run({}, q, tensor(random, 2, 2, 6, 7)),
    ],
    [
      "ERR_SHAPE",
      "key.shape[1] must divide query.shape[1]: expected a divisor of 4, got 3",
      () => run({}, q, tensor(random, 2, 3, 6, 8), tensor(random, 2, 3, 6, 5)),
    ],
    [
      "ERR_SHAPE",
      "value.shape[2] must equal key.shape[2]: expected 6, got 7",
      () => run({}, q, k, tensor(random, 2, 2, 7, 5)),
    ],
    [
      "ERR_SHAPE",
      "key must have as many tokens as query: expected 6, got 7",
      () => run({}, q, tensor(random, 2, 2, 7, 8), tensor(random, 2, 2, 7, 5)),
    ],
    ["ERR_SHAPE", "decay.shape must have 3 or 4 axes: got [6]", () => run({ decay: tensor(random, 6) })],
    [
      "ERR_SHAPE",
      "decay.shape[1] must be 1 or 2 to broadcast to [2, 2, 6]: got 4",
      () => run({ decay: tensor(random, 2, 4, 6) }),
    ],
    [
      "ERR_SHAPE",
      "decay.shape[3] must be 1 or 8 to broadcast to [2, 2, 6, 8]: got 5",
      () => run({ decay: tensor(random, 2, 2, 6, 5) }),
    ],
    ["ERR_SHAPE", "beta.shape must have 3 axes: got [2, 2, 6, 8]", () => run({ beta: tensor(random, 2, 2, 6, 8) })],
    [
      "ERR_SHAPE",
      "beta.shape[2] must be 1 or 6 to broadcast to [2, 2, 6]: got 8",
      () => run({ beta: tensor(random, 2, 2, 8) }),
    ],
    ["ERR_DTYPE", "beta must be float32, float16 or bfloat16: got bool", () => run({ beta: bool(2, 2, 6) })],
    [
      "ERR_SHAPE",
      "state.shape must be [2, 2, 8, 5]: got [2, 2, 5, 8]",
      () => run({ state: tensor(random, 2, 2, 5, 8) }),
    ],
    [
      "ERR_DTYPE",
      "value must be float32, as query is: got float16",
      () => run({}, q, k, { data: new Uint16Array(120), shape: [2, 2, 6, 5], dtype: "float16" }),
    ],
  ];
  for (const [code, message, wrong] of messages) {
    test(message, () => {
      let thrown: AttentionError | undefined;
      try {
        wrong();
      } catch (error) {
        thrown = error as AttentionError;
      }
      assert.is(thrown?.message, message);
      assert.is(thrown?.code, code);
      assert.is(engine.info.memory.used, 0);
    });
  }

  test("sides that are mixed, rows that are not contiguous, memory that is out: named, and nothing kept", () => {
    using state = engine.tensor(tensor(random, 2, 2, 8, 5));
    const { used } = engine.info.memory;
    assert.throws(() => run({ state }), /state must be a host tensor, as query is: got a resident Tensor/);
    using flat = engine.tensor(tensor(random, 2, 4, 8, 6));
    using column = flat.permute([0, 1, 3, 2]);
    assert.throws(() => run({}, column), /the last axis of query must be contiguous: call contiguous\(\) first/);
    flat.dispose();
    column.dispose();
    assert.is(engine.info.memory.used, used);
    const small = loadSync({ build, maximumMemory: 2 ** 20 });
    const all = draw([1, 1, 1, 16, 300, 300]);
    assert.throws(
      () => linearAttention<HostTensor>(small, all.query, all.key, all.value, pick(all, ["state"])),
      (error: AttentionError) => error.code === "ERR_OUT_OF_MEMORY",
    );
    assert.is(small.info.memory.used, 0);
    small.close();
  });

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}
