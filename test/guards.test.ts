// No kernel reads what it did not write or writes where it should not: poisoned buffers between guard bytes, at the
// edges of every tile size. Poison that was read would show as NaN or as other bits than an ordinary engine gives.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionOptions, createBlockMask, type HostTensor, loadSync } from "../src/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { generator, tensor } from "./random.js";

const LENGTHS = [1, 2, 7, 8, 9, 63, 64, 65, 95, 96, 97, 131];
const DIMS = [1, 3, 8, 33, 64, 80, 128, 256];

for (const build of BUILDS) {
  const test = suite(`guards (${build})`);
  const random = generator(11);
  const guarded = guardedEngine(build);
  const plain = loadSync({ build });

  const same = (query: HostTensor, key: HostTensor, value: HostTensor, options: AttentionOptions) => {
    const asked = { ...options, returnLse: true, returnWeights: true } as const;
    const got = guarded.attention(query, key, value, asked);
    const want = plain.attention(query, key, value, asked);
    for (const name of ["output", "lse", "weights"] as const) {
      const data = got[name].data as Float32Array;
      assert.not.ok(data.some(Number.isNaN), `${name} holds NaN`);
      assert.equal(data, want[name].data, name);
    }
    assert.is(guarded.info.memory.used, 0);
  };

  test("lengths at the edges of tiles", () => {
    for (const queries of LENGTHS) {
      for (const keys of LENGTHS) {
        same(tensor(random, 2, queries, 5), tensor(random, 2, keys, 5), tensor(random, 2, keys, 3), {});
      }
    }
  });

  test("head sizes", () => {
    for (const dim of DIMS) {
      for (const valueDim of DIMS) {
        same(tensor(random, 1, 9, dim), tensor(random, 1, 10, dim), tensor(random, 1, 10, valueDim), {});
      }
    }
  });

  const n = 97;
  const mask = { data: Uint8Array.from({ length: n * n }, () => Number(random() < 0.6)), shape: [n, n] };
  const relativeBias = tensor(random, 4, 21);
  const options: Record<string, AttentionOptions> = {
    cosine: { similarity: "cosine" },
    euclidean: { similarity: "euclidean" },
    "squared euclidean": { similarity: "squared-euclidean" },
    causal: { causal: true },
    window: { window: [5, 2] },
    mask: { mask },
    bias: { bias: tensor(random, 4, n, n) },
    lengths: { keyLengths: [41, 97], queryLengths: [97, 10] },
    segments: { segments: { data: Int32Array.from({ length: n }, (_, i) => Math.floor(i / 20)), shape: [n] } },
    "block mask": {
      blockMask: createBlockMask((_b, h, q, k) => (q + k * h) % 5 < 2, { heads: 4, queryLength: n, keyLength: n }),
    },
    alibi: { alibiSlopes: tensor(random, 4) },
    relative: { relativeBias },
    softcap: { softcap: 3 },
    sinks: { sinks: tensor(random, 4) },
    layout: { layout: "BSHD" },
    "negative scale": { scale: -0.3 },
  };
  for (const [name, option] of Object.entries(options)) {
    test(name, () => {
      const shape = (heads: number, dim: number) =>
        option.layout === "BSHD" ? [2, n, heads, dim] : [2, heads, n, dim];
      same(tensor(random, ...shape(4, 20)), tensor(random, ...shape(2, 20)), tensor(random, ...shape(2, 6)), option);
    });
  }

  for (const dtype of ["float16", "bfloat16"] as const) {
    test(`${dtype}: odd sizes`, () => {
      const bits = (...shape: number[]): HostTensor => ({
        data: Uint16Array.from(
          { length: shape.reduce((a, b) => a * b) },
          () => (dtype === "float16" ? 0x3000 : 0x3e00) + Math.floor(random() * 2048),
        ),
        shape,
        dtype,
      });
      for (const [queries, keys, dim, valueDim] of [
        [1, 1, 1, 1],
        [9, 97, 33, 5],
        [65, 98, 64, 64],
      ] as const) {
        const args = [bits(queries, dim), bits(keys, dim), bits(keys, valueDim)] as const;
        assert.equal(guarded.attention(...args).output.data, plain.attention(...args).output.data);
      }
    });
  }

  test("keys past keyLengths are not read, whatever they hold", () => {
    const query = tensor(random, 2, 1, 40, 8);
    const key = tensor(random, 2, 1, 130, 8);
    const value = tensor(random, 2, 1, 130, 8);
    const keyLengths = [70, 97];
    const want = plain.attention(query, key, value, { keyLengths }).output.data;
    for (const [b, length] of keyLengths.entries()) {
      for (const { data } of [key, value]) data.fill(Number.NaN, (b * 130 + length) * 8, (b + 1) * 130 * 8);
    }
    assert.equal(plain.attention(query, key, value, { keyLengths }).output.data, want);
  });

  test("a row without keys is zero whatever the values hold", () => {
    const query = tensor(random, 1, 2, 8);
    const value = tensor(random, 1, 2, 8);
    value.data[0] = Infinity;
    value.data[1] = Number.NaN;
    const dead = { data: Uint8Array.of(0, 0, 0, 1), shape: [2, 2] };
    const zeros = (engine: typeof plain, option: AttentionOptions) =>
      assert.ok(
        (engine.attention(query, query, value, option).output.data as Float32Array)
          .subarray(0, 8)
          .every((x) => x === 0),
      );
    zeros(plain, { mask: dead });
    zeros(guarded, { mask: dead });
    zeros(plain, { queryLengths: [0] });
  });

  test("the other operations", () => {
    for (const dim of [2, 6, 33, 64]) {
      const x = tensor(random, 2, 3, 7, dim);
      for (const engine of [guarded, plain]) {
        const half = dim % 2 === 0 ? dim : dim - 1;
        const rotated = engine.rotaryEmbedding(x, { rotaryDim: half, interleaved: dim === 6 }).data as Float32Array;
        assert.not.ok(rotated.some(Number.isNaN));
        const part = engine.attention(x, x, x, { returnLse: true });
        const merged = engine.mergeAttention([part, part]);
        assert.not.ok((merged.output.data as Float32Array).some(Number.isNaN));
        const sequence = tensor(generator(dim), 3, 7, dim);
        const pooled = engine.attentionPooling(sequence);
        assert.not.ok((pooled.context.data as Float32Array).some(Number.isNaN));
        const additive = engine.additiveAttention(sequence, sequence, sequence, {
          queryWeight: tensor(random, 5, dim),
          keyWeight: tensor(random, 5, dim),
          keyBias: tensor(random, 5),
          scoreWeight: tensor(random, 5),
        });
        assert.not.ok((additive.output.data as Float32Array).some(Number.isNaN));
      }
      assert.is(guarded.info.memory.used, 0);
    }
  });

  test.run();
}
