// Activations within a few ulp of float64 over their whole range; normalisation and softmax of rows far from zero.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Engine, HostTensor } from "../src/index.js";
import * as layers from "../src/layers/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { ACTIVATIONS, assertWithin, geluTanh, ulps } from "./layers/exact.js";
import { generator, tensor } from "./random.js";

type Activation = (engine: Engine, x: HostTensor, options?: object) => HostTensor;

/** Most ulp over [-80, 80] and tiny numbers, where the exact value is a normal float. */
const BOUNDS: Record<string, number> = {
  relu: 0,
  leakyRelu: 1,
  gelu: 6,
  silu: 4,
  tanh: 4,
  sigmoid: 4,
  elu: 4,
  softplus: 4,
  erf: 4,
};

for (const build of BUILDS) {
  const test = suite(`layers: elementwise (${build})`);
  const engine = guardedEngine(build);
  const random = generator(43);

  const inputs = Float32Array.from({ length: 60_001 }, (_, i) => {
    if (i % 3 === 0) return (random() - 0.5) * 2 ** (-40 + random() * 40);
    return (random() - 0.5) * (i % 3 === 1 ? 8 : 160);
  });

  const worst = (got: HostTensor, exact: (x: number) => number, low: number) => {
    let most = 0;
    let where = 0;
    const data = got.data as Float32Array;
    for (let i = 0; i < inputs.length; i++) {
      const want = exact(inputs[i]!);
      // Below, float32 has fewer digits, and e^x flushes to 0
      if (Math.abs(want) < low) continue;
      const error = ulps(data[i]!, want);
      if (error > most) [most, where] = [error, inputs[i]!];
    }
    return { most, where };
  };

  for (const [name, exact] of Object.entries(ACTIVATIONS)) {
    test(`${name} within ${BOUNDS[name]} ulp`, () => {
      const f = (layers as unknown as Record<string, Activation>)[name]!;
      const got = f(engine, { data: inputs, shape: [inputs.length] });
      const { most, where } = worst(got, exact, 1e-36);
      assert.ok(most <= BOUNDS[name]!, `${most} ulp at ${where}`);
      assert.is(engine.info.memory.used, 0);
    });
  }

  test("gelu by tanh: as near as float32 arguments of tanh allow", () => {
    const got = layers.gelu(engine, { data: inputs, shape: [inputs.length] }, { approximate: "tanh" });
    assertWithin(got, inputs.map(geluTanh), (i) => 2e-6 * Math.max(Math.abs(geluTanh(inputs[i]!)), 1e-3));
  });

  test("options of activations", () => {
    const x: HostTensor = { data: Float32Array.of(-2, -0.5, 0, 1.5, 3), shape: [5] };
    const data = x.data as Float32Array;
    assertWithin(
      layers.elu(engine, x, { alpha: 0.3 }),
      data.map((v) => (v > 0 ? v : 0.3 * Math.expm1(v))),
      1e-6,
    );
    assertWithin(
      layers.leakyRelu(engine, x, { negativeSlope: 0.2 }),
      data.map((v) => (v < 0 ? 0.2 * v : v)),
      1e-7,
    );
    assertWithin(
      layers.softplus(engine, x, { beta: 2 }),
      data.map((v) => Math.log1p(Math.exp(2 * v)) / 2),
      1e-6,
    );
    assert.throws(() => layers.softplus(engine, x, { beta: 0 }), /beta must be above 0: got 0/);
    assert.throws(() => layers.gelu(engine, x, { approximate: "erf" as "tanh" }), /approximate must be 'none', 'tanh'/);
  });

  test("infinities and NaN", () => {
    const x: HostTensor = { data: Float32Array.of(Infinity, -Infinity, NaN, 0), shape: [4] };
    const of = (name: string) =>
      Array.from((layers as unknown as Record<string, Activation>)[name]!(engine, x).data as Float32Array);
    assert.equal(of("relu"), [Infinity, 0, NaN, 0]);
    assert.equal(of("gelu"), [Infinity, NaN, NaN, 0]);
    assert.equal(of("silu"), [Infinity, NaN, NaN, 0]);
    assert.equal(of("sigmoid"), [1, 0, NaN, 0.5]);
    assert.equal(of("tanh"), [1, -1, NaN, 0]);
    assert.equal(of("elu"), [Infinity, -1, NaN, 0]);
    assert.equal(of("softplus"), [Infinity, 0, NaN, Math.fround(Math.LN2)]);
    assert.equal(of("erf"), [1, -1, NaN, 0]);
  });

  test("swiglu", () => {
    for (const n of [1, 4, 7, 33]) {
      const [gate, value] = [tensor(random, 3, n), tensor(random, 3, n)];
      const want = gate.data.map((g, i) => (g / (1 + Math.exp(-g))) * value.data[i]!);
      assertWithin(layers.swiglu(engine, gate, value), want, 4e-6);
    }
    assert.throws(
      () => layers.swiglu(engine, tensor(random, 3), tensor(random, 4)),
      /value\.shape must be \[3\]: got \[4\]/,
    );
  });

  for (const width of [1, 3, 4, 5, 33, 130]) {
    test(`layer norm and RMS norm of ${width}`, () => {
      for (const offset of [0, 1000]) {
        const x = tensor(random, 5, width);
        for (let i = 0; i < x.data.length; i++) x.data[i]! += offset;
        const [weight, bias] = [tensor(random, width), tensor(random, width)];
        const norm = new layers.LayerNorm(engine, { normalizedShape: width });
        const root = new layers.RMSNorm(engine, { normalizedShape: [width], eps: 1e-6 });
        layers.loadWeights(norm, { weight, bias });
        layers.loadWeights(root, { weight });
        const want = { norm: new Float64Array(5 * width), root: new Float64Array(5 * width) };
        for (let r = 0; r < 5; r++) {
          const row = Array.from(x.data.subarray(r * width, (r + 1) * width));
          const mean = row.reduce((s, v) => s + v, 0) / width;
          const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / width;
          const square = row.reduce((s, v) => s + v * v, 0) / width;
          row.forEach((v, i) => {
            want.norm[r * width + i] = ((v - mean) / Math.sqrt(variance + 1e-5)) * weight.data[i]! + bias.data[i]!;
            want.root[r * width + i] = (v / Math.sqrt(square + 1e-6)) * weight.data[i]!;
          });
        }
        assertWithin(norm.forward(x), want.norm, (i) => 1e-6 * (1 + Math.abs(want.norm[i]!)));
        assertWithin(root.forward(x), want.root, (i) => 1e-6 * (1 + Math.abs(want.root[i]!)));
        norm.dispose();
        root.dispose();
      }
      assert.is(engine.info.memory.used, 0);
    });
  }

  test("norms start as PyTorch's: weight 1, bias 0", () => {
    using norm = new layers.LayerNorm(engine, { normalizedShape: 4 });
    const x: HostTensor = { data: Float32Array.of(1, 2, 3, 4), shape: [1, 4] };
    const scale = 1 / Math.sqrt(1.25 + 1e-5);
    assertWithin(
      norm.forward(x),
      [-1.5, -0.5, 0.5, 1.5].map((v) => v * scale),
      1e-6,
    );
    assert.equal([...norm.parameters().keys()], ["weight", "bias"]);
    using plain = new layers.LayerNorm(engine, { normalizedShape: 4, elementwiseAffine: false });
    assert.is(plain.parameters().size, 0);
    assert.throws(() => norm.forward(tensor(random, 2, 5)), /x\.shape must end in 4: got \[2, 5\]/);
  });

  test("softmax and log-softmax along every axis", () => {
    for (const shape of [
      [1, 1],
      [3, 4, 5],
      [2, 7, 3],
      [2, 1, 130],
      [5, 2050],
    ]) {
      for (let axis = 0; axis < shape.length; axis++) {
        const x = tensor(random, ...shape);
        const n = shape[axis]!;
        const inner = shape.slice(axis + 1).reduce((p, s) => p * s, 1);
        const want = new Float64Array(x.data.length);
        const wantLog = new Float64Array(x.data.length);
        for (let i = 0; i < x.data.length; i++) {
          const first = i - (Math.floor(i / inner) % n) * inner;
          let sum = 0;
          for (let j = 0; j < n; j++) sum += Math.exp(x.data[first + j * inner]!);
          want[i] = Math.exp(x.data[i]!) / sum;
          wantLog[i] = x.data[i]! - Math.log(sum);
        }
        assertWithin(layers.softmax(engine, x, { axis }), want, (i) => 2e-6 * want[i]!);
        assertWithin(layers.logSoftmax(engine, x, { axis: axis - shape.length }), wantLog, 4e-6);
      }
    }
    assert.throws(
      () => layers.softmax(engine, tensor(random, 2, 3), { axis: 2 }),
      /axis must be an integer from -2 to 1/,
    );
    assert.is(engine.info.memory.used, 0);
  });

  test.after(() => engine.close());
  test.run();
}
