// exp within 2 ulp, tanh within 4, the logarithm to 1e-13, conversions exact: against float64.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BUILDS } from "./builds.js";
import { generator } from "./random.js";

interface Probe {
  exp2Array(x: number, y: number, n: number, shift: number, scratch: number): void;
  expArray(x: number, y: number, n: number, scratch: number): void;
  tanhArray(x: number, y: number, n: number, scratch: number): void;
  logArray(x: number, y: number, n: number): void;
  widenRow(from: number, to: number, n: number, dtype: number): void;
  narrowRow(from: number, to: number, n: number, dtype: number): void;
}

const N = 1 << 18;
const SCRATCH = 1024;
const X = 65536;
const Y = X + N * 8;

/** Distance from the exact value in units of the last place of the nearest float. */
function ulps(got: number, exact: number): number {
  const magnitude = Math.max(Math.abs(exact), 2 ** -126);
  return Math.abs(got - exact) / 2 ** (Math.floor(Math.log2(magnitude)) - 23);
}

for (const build of BUILDS) {
  const test = suite(`math (${build})`);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((Y + N * 8) / 65536) });
  const module = new WebAssembly.Module(readFileSync(`build/test/math-${build}.wasm`));
  const probe = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Probe;
  const x = new Float32Array(memory.buffer, X, N);
  const y = new Float32Array(memory.buffer, Y, N);
  const random = generator(7);

  const worst = (exact: (v: number) => number) => {
    let most = 0;
    for (let i = 0; i < N; i++) most = Math.max(most, ulps(y[i]!, exact(x[i]!)));
    return most;
  };

  /** Spread evenly over lowest to 0, and over the exponents near 0. */
  const spread = (lowest: number) => {
    for (let i = 0; i < N; i++) {
      x[i] = i % 2 ? random() * lowest : -(2 ** (-30 + random() * 36));
      if (x[i]! < lowest) x[i] = 0;
    }
  };

  for (const shift of [0, 1, 13, 30]) {
    test(`2^(x - ${shift}) within 2 ulp where the result is normal`, () => {
      spread(-(126 - shift) * 0.999);
      probe.exp2Array(X, Y, N, shift, SCRATCH);
      const most = worst((v) => 2 ** (v - shift));
      assert.ok(most <= 2, `worst ${most} ulp`);
    });
  }

  test("e^x within 2 ulp where the result is normal", () => {
    spread(-126 * Math.LN2 * 0.999);
    probe.expArray(X, Y, N, SCRATCH);
    const most = worst(Math.exp);
    assert.ok(most <= 2, `worst ${most} ulp`);
  });

  test("e^x and 2^x of 0 are 1, of very low scores exactly 0, of NaN are NaN", () => {
    x.set([0, -0, -1000, -Infinity, Number.NaN, -3.4e38, -127.8, -129]);
    probe.expArray(X, Y, 8, SCRATCH);
    assert.equal([...y.subarray(0, 8)], [1, 1, 0, 0, Number.NaN, 0, 0, 0]);
    probe.exp2Array(X, Y, 8, 0, SCRATCH);
    assert.equal([...y.subarray(0, 8)], [1, 1, 0, 0, Number.NaN, 0, 0, 0]);
  });

  test("tanh within 4 ulp", () => {
    for (let i = 0; i < N; i++) x[i] = (i % 2 ? -1 : 1) * 2 ** (-20 + random() * 25);
    probe.tanhArray(X, Y, N, SCRATCH);
    const most = worst(Math.tanh);
    assert.ok(most <= 4, `worst ${most} ulp`);
    x.set([0, 1e-30, 50, -50, Infinity, -Infinity, Number.NaN, 0]);
    probe.tanhArray(X, Y, 8, SCRATCH);
    assert.equal([...y.subarray(0, 7)], [0, Math.fround(1e-30), 1, -1, 1, -1, Number.NaN]);
  });

  test("log to 1e-13", () => {
    const from = new Float64Array(memory.buffer, X, N);
    const to = new Float64Array(memory.buffer, Y, N);
    for (let i = 0; i < N; i++) from[i] = 2 ** (random() * 200 - 100);
    probe.logArray(X, Y, N);
    let most = 0;
    for (let i = 0; i < N; i++) most = Math.max(most, Math.abs(to[i]! - Math.log(from[i]!)));
    assert.ok(most <= 1e-13, `worst ${most}`);
  });

  test("every float16 and bfloat16 survives the way to float32 and back", () => {
    const halves = new Uint16Array(memory.buffer, X, 65536);
    const back = new Uint16Array(memory.buffer, X + 131072, 65536);
    for (const dtype of [1, 2]) {
      for (let i = 0; i < 65536; i++) halves[i] = i;
      probe.widenRow(X, Y, 65536, dtype);
      for (let i = 0; i < 65536; i++) {
        const exact = dtype === 1 ? fromHalf(i) : fromBrain(i);
        if (!Object.is(y[i], exact)) assert.is(y[i], exact, `bits ${i}`);
      }
      probe.narrowRow(Y, X + 131072, 65536, dtype);
      for (let i = 0; i < 65536; i++) {
        const expected = Number.isNaN(y[i]) ? back[i]! & i : i;
        if (Number.isNaN(y[i])) assert.ok(Number.isNaN(dtype === 1 ? fromHalf(back[i]!) : fromBrain(back[i]!)));
        else if (back[i] !== expected) assert.is(back[i], expected, `bits ${i}`);
      }
    }
  });

  test("narrowing rounds to the nearest, ties to even", () => {
    const to = new Uint16Array(memory.buffer, Y, N);
    for (const dtype of [1, 2]) {
      // Rounding treats infinity as the next number after the largest
      const [infinity, next] = dtype === 1 ? [0x7c00, 65536] : [0x7f80, 2 ** 128];
      const wide = (bits: number) =>
        (bits & 0x7fff) === infinity ? (bits & 0x8000 ? -next : next) : dtype === 1 ? fromHalf(bits) : fromBrain(bits);
      for (let i = 0; i < N; i++) x[i] = (random() - 0.5) * 2 ** (random() * (dtype === 1 ? 44 : 200) - 26);
      // Halfway between neighbours
      for (let i = 0; i < 1000; i++) x[i] = (wide(i * 20) + wide(i * 20 + 1)) / 2;
      x.set([65519.996, 65520, -65520, 1e-8, 2 ** -25, 2 ** -24 * 1.5], 1000);
      probe.narrowRow(X, Y, N, dtype);
      for (let i = 0; i < N; i++) {
        const got = to[i]!;
        const error = Math.abs(wide(got) - x[i]!);
        for (const bits of [got - 1, got + 1]) {
          const other = Math.abs(wide(bits) - x[i]!);
          if (other < error || (other === error && got % 2 === 1)) {
            assert.unreachable(`${x[i]} became bits ${got}, but ${bits} is nearer or even (dtype ${dtype})`);
          }
        }
      }
    }
  });

  test.run();
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function fromBrain(bits: number): number {
  return new Float32Array(Uint32Array.of((bits & 0xffff) << 16).buffer)[0]!;
}
