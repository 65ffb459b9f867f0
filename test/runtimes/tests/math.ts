// The elementary functions of the kernels, against this runtime's own: exp within 2 ulp, tanh within 4, conversions exact.
import * as assert from "uvu/assert";
import { generator } from "../../random.js";
import type { Host } from "../host.js";

interface Probe {
  exp2Array(x: number, y: number, n: number, shift: number, scratch: number): void;
  tanhArray(x: number, y: number, n: number, scratch: number): void;
  widenRow(from: number, to: number, n: number, dtype: number): void;
  narrowRow(from: number, to: number, n: number, dtype: number): void;
}

const N = 1 << 16;
const SCRATCH = 1024;
const X = 65536;
const Y = X + N * 4;

/** Distance from the exact value in units of the last place of the nearest float. */
function ulps(got: number, exact: number): number {
  const magnitude = Math.max(Math.abs(exact), 2 ** -126);
  return Math.abs(got - exact) / 2 ** (Math.floor(Math.log2(magnitude)) - 23);
}

export function math({ builds, suite }: Host): void {
  for (const { name, math: module } of builds) {
    const test = suite(`math (${name})`);
    const memory = new WebAssembly.Memory({ initial: Math.ceil((Y + N * 4) / 65536) });
    const probe = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Probe;
    const x = new Float32Array(memory.buffer, X, N);
    const y = new Float32Array(memory.buffer, Y, N);
    const random = generator(7);
    const worst = (exact: (v: number) => number) => x.reduce((most, v, i) => Math.max(most, ulps(y[i]!, exact(v))), 0);

    for (const shift of [0, 13]) {
      test(`2^(x - ${shift}) within 2 ulp`, () => {
        for (let i = 0; i < N; i++) x[i] = i % 2 ? -random() * (126 - shift) : -(2 ** (-30 + random() * 36));
        probe.exp2Array(X, Y, N, shift, SCRATCH);
        const most = worst((v) => (v < -(126 - shift) ? 0 : 2 ** (v - shift)));
        assert.ok(most <= 2, `worst ${most} ulp`);
      });
    }

    test("tanh within 4 ulp", () => {
      for (let i = 0; i < N; i++) x[i] = (i % 2 ? -1 : 1) * 2 ** (-20 + random() * 25);
      probe.tanhArray(X, Y, N, SCRATCH);
      const most = worst(Math.tanh);
      assert.ok(most <= 4, `worst ${most} ulp`);
    });

    for (const [dtype, kind] of [
      [1, "float16"],
      [2, "bfloat16"],
    ] as const) {
      test(`every ${kind} to float32 and back`, () => {
        const [infinity, mantissa] = dtype === 1 ? [0x7c00, 10] : [0x7f80, 7];
        const halves = new Uint16Array(memory.buffer, X, N).map((_, i) => i);
        new Uint16Array(memory.buffer, X, N).set(halves);
        probe.widenRow(X, Y, N, dtype);
        const bias = dtype === 1 ? 15 : 127;
        const wide = (bits: number) => {
          const exponent = (bits & 0x7fff) >> mantissa;
          const fraction = (bits & ((1 << mantissa) - 1)) / 2 ** mantissa;
          const sign = bits & 0x8000 ? -1 : 1;
          if ((bits & infinity) === infinity) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
          return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
        };
        for (let i = 0; i < N; i++) if (!Object.is(y[i], wide(i))) assert.is(y[i], wide(i), `bits ${i}`);
        probe.narrowRow(Y, X, N, dtype);
        const back = new Uint16Array(memory.buffer, X, N);
        for (let i = 0; i < N; i++) {
          const nan = (bits: number) => (bits & 0x7fff) > infinity;
          if (nan(i) ? !nan(back[i]!) : back[i] !== i) assert.is(back[i], i, `bits ${i}`);
        }
      });
    }
  }
}
