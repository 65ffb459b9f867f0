// Linear attention against its recurrence in float64: all four rules, grouped heads, sizes that fill blocks and do not, states
// handed on, layouts, views and 16 bits.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor, Tensor } from "../src/index.js";
import { linearAttention } from "../src/layers/index.js";
import { narrow, widen } from "../src/onnx/sixteen-bits.js";
import { linearAttention as oracle } from "../src/reference/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertWithin } from "./layers/exact.js";
import { draw as drawFrom, type Host, mapped, pick, type Sizes, swapped, tokens } from "./layers/linear-attention.js";
import { generator, tensor } from "./random.js";

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
const draw = (sizes: Sizes, perChannel?: boolean) => drawFrom(random, sizes, perChannel);

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

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}
