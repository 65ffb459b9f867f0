// How far each dtype of a cache is from float32: what is kept, and attention over it. docs/cache.md has the table.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type HostTensor, loadSync } from "../src/index.js";
import { hostTensor } from "./properties/arrays.js";
import { Random } from "./properties/random.js";

const [HEADS, GROUPS, TOKENS, QUERIES, D] = [2, 4, 2048, 16, 128];

/** Most that the root mean square error may be, relative to that of what float32 gives. */
const LIMITS = {
  float16: { kept: 2.2e-4, output: 4e-4 },
  bfloat16: { kept: 1.8e-3, output: 3e-3 },
  int8: { kept: 6e-3, output: 8e-3 },
  int4: { kept: 0.11, output: 0.15 },
};

const DATA = {
  normal: () => 1,
  // Keys of language models have channels many times as large as the others (Liu et al. 2024, KIVI, section 3)
  "outlier channels": (channel: number) => (channel % 37 === 5 ? 8 : 1),
};

const rms = (x: Float32Array) => Math.sqrt(x.reduce((sum, a) => sum + a * a, 0) / x.length);
const relative = (got: Float32Array, want: Float32Array) => rms(got.map((x, i) => x - want[i]!)) / rms(want);

const test = suite("cache dtypes");
const engine = loadSync({ build: "simd" });

for (const [name, size] of Object.entries(DATA)) {
  const random = new Random(7);
  const make = (heads: number, n: number, scale: (channel: number) => number): HostTensor & { data: Float32Array } => {
    const shape = [1, heads, n, D];
    const data = random.normals(heads * n * D).map((x, i) => x * scale(i % D));
    return hostTensor(data, shape) as HostTensor & { data: Float32Array };
  };
  const [key, value] = [make(HEADS, TOKENS, size), make(HEADS, TOKENS, () => 1)];
  const query = make(HEADS * GROUPS, QUERIES, (channel) => 1 / size(channel));
  const want = engine.attention(query, key, value, { causal: "lower-right" }).output.data as Float32Array;

  for (const dtype of ["float32", "float16", "bfloat16", "int8", "int4"] as const) {
    test(`${dtype}, ${name}`, () => {
      const cache = engine.kvCache({ kvHeads: HEADS, headDim: D, capacity: TOKENS, dtype });
      cache.append(key, value);
      const back = cache.toHost();
      const got = cache.attention(query).output.data as Float32Array;
      const perToken = cache.bytes.page / 64 / HEADS;
      cache.dispose();
      const errors = {
        key: relative(back.key.data, key.data),
        value: relative(back.value.data, value.data),
        output: relative(got, want),
      };
      const largest = got.reduce((most, x, i) => Math.max(most, Math.abs(x - want[i]!)), 0) / rms(want);
      const shown = Object.entries({ ...errors, largest }).map(([what, x]) => `${what} ${x.toExponential(1)}`);
      console.log(`\nnote: ${dtype}, ${name}: ${perToken} bytes per token and head; ${shown.join(", ")}`);
      if (dtype === "float32") {
        assert.is(errors.key + errors.value, 0);
        assert.ok(errors.output < 1e-6, "float32 loses nothing");
        return;
      }
      const { kept, output } = LIMITS[dtype];
      const outliers = name === "normal" || !dtype.startsWith("int") ? 1 : 4;
      assert.ok(errors.value < kept, `values: ${errors.value}`);
      assert.ok(errors.key < kept * outliers, `keys: ${errors.key}`);
      assert.ok(errors.output < output * outliers, `output: ${errors.output}`);
    });
  }
}
test.run();
