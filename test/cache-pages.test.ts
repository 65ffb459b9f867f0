// What lies in a page, byte by byte; how far quantised tokens are from what was appended; and the forward over pages that
// are poisoned and guarded.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Engine, type HostTensor, loadSync } from "../src/index.js";
import { DTYPE_BFLOAT16, DTYPE_FLOAT16 } from "../src/engine/abi.generated.js";
import { narrow, widen } from "../src/onnx/sixteen-bits.js";
import { attention as oracle } from "../src/reference/index.js";
import { BUILDS } from "./builds.js";
import { type CacheDType, chunkBytes, elementAt, paddedDim, quantise } from "./cache/page-bytes.js";
import { numbersOf } from "./conformance/tolerance.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertSameBits, hostTensor, largestError, operandOf } from "./properties/arrays.js";
import { generator, tensor } from "./random.js";

const DTYPES = ["float32", "float16", "bfloat16", "int8", "int4"] as const;
const STEPS = { int8: 127, int4: 7 };
const DIMS = [1, 3, 31, 32, 33, 64, 80, 128] as const;

/** Tokens [from, to) of [B, H, S, D]. */
function tokens({ data, shape }: HostTensor, from: number, to: number): HostTensor {
  const [B, H, S, D] = shape as [number, number, number, number];
  const rows = Array.from({ length: B * H }, (_, h) =>
    (data as Float32Array).subarray((h * S + from) * D, (h * S + to) * D),
  );
  return { data: Float32Array.from(rows.flatMap((row) => [...row])), shape: [B, H, to - from, D] };
}

/** The address of the next block of memory that is taken. */
function watchMemory(engine: Engine): () => number {
  const { memory } = engine.core;
  const allocate = memory.allocate;
  let first: number | undefined;
  memory.allocate = (bytes: number) => {
    const address = allocate.call(memory, bytes);
    first ??= address;
    return address;
  };
  return () => {
    memory.allocate = allocate;
    return first!;
  };
}

for (const build of BUILDS) {
  const test = suite(`cache pages (${build})`);
  const engine = loadSync({ build });
  const random = generator(31);

  for (const dtype of DTYPES) {
    test(`${dtype}: every byte is where the layout says`, () => {
      for (const [D, Dv] of [
        [1, 3],
        [33, 64],
        [80, 31],
        [128, 33],
      ] as const) {
        const [heads, n] = [2, 70];
        const found = watchMemory(engine);
        const cache = engine.kvCache({ kvHeads: heads, headDim: D, valueDim: Dv, capacity: n, dtype });
        const block = found();
        const [key, value] = [tensor(random, 1, heads, n, D), tensor(random, 1, heads, n, Dv)];
        for (const [from, to] of [
          [0, 1],
          [1, 2],
          [2, 5],
          [5, 64],
          [64, 70],
        ] as const) {
          cache.append(tokens(key, from, to), tokens(value, from, to));
        }
        const back = cache.toHost();
        const { page } = cache.bytes;
        assert.is(page, heads * (chunkBytes(D, dtype) + chunkBytes(Dv, dtype)));
        for (const [name, whole, dim] of [
          ["key", key, D],
          ["value", value, Dv],
        ] as const) {
          const bytes = chunkBytes(dim, dtype);
          const before = name === "key" ? 0 : heads * chunkBytes(D, dtype);
          for (let h = 0; h < heads; h++) {
            for (let t = 0; t < n; t++) {
              const at = block + Math.floor(t / 64) * page + before + h * bytes;
              const chunk = new DataView(engine.core.memory.memory.buffer, at, bytes);
              const row = whole.data.subarray((h * n + t) * dim, (h * n + t + 1) * dim);
              const want = expected(row, dtype);
              for (let c = 0; c < paddedDim(dim, dtype); c++) {
                const got = elementAt(chunk, dtype, name === "value", dim, t % 64, c);
                const { q, scale } = want[c] ?? { q: 0, scale: got.scale };
                if (got.q !== q || got.scale !== scale) {
                  assert.equal(got, { q, scale }, `${name} ${dim}: head ${h}, token ${t}, channel ${c}`);
                }
                if (c >= dim) continue;
                const read = back[name].data[(h * n + t) * dim + c]!;
                if (read !== Math.fround(q * scale)) assert.is(read, Math.fround(q * scale), "read back");
              }
            }
          }
        }
        cache.dispose();
      }
    });

    test(`${dtype}: attention over the cache is attention over what it reads back`, () => {
      for (const [i, D] of DIMS.entries()) {
        const Dv = DIMS[DIMS.length - 1 - i]!;
        const n = 130;
        const cache = engine.kvCache({ batch: 2, kvHeads: 2, headDim: D, valueDim: Dv, capacity: n, dtype });
        cache.append(tensor(random, 2, 2, n, D), tensor(random, 2, 2, n, Dv));
        const back = cache.toHost();
        for (const Sq of [1, 9, n]) {
          const query = tensor(random, 2, 4, Sq, D);
          const got = cache.attention(query, { returnLse: true, returnWeights: true });
          const want = oracle(operandOf(query), operandOf(back.key), operandOf(back.value), { causal: "lower-right" });
          for (const name of ["output", "lse", "weights"] as const) {
            const error = largestError(numbersOf(got[name]), want[name].data);
            assert.ok(error < 3e-6, `${name} of ${Sq} queries, D ${D}, Dv ${Dv} is off by ${error}`);
          }
          // Without weights, few queries take a path of their own, over integers with int16 queries and weights
          const error = largestError(numbersOf(cache.attention(query).output), want.output.data);
          const bound = dtype.startsWith("int") && Sq === 1 ? 2e-4 : 3e-6;
          assert.ok(error < bound, `output alone of ${Sq} queries, D ${D}, Dv ${Dv} is off by ${error}`);
        }
        cache.dispose();
      }
    });
  }

  for (const dtype of ["int8", "int4"] as const) {
    test(`${dtype}: huge, tiny, zero and not finite`, () => {
      const groups: [number[], (x: number, i: number) => boolean][] = [
        [[3e38, -3e38, 1e38], (x, i) => Math.abs(x - [3e38, -3e38, 1e38][i]!) < 3e38 / STEPS[dtype]],
        [[1e-38, -2e-38, 0], (x, i) => Math.abs(x - [1e-38, -2e-38, 0][i]!) <= 2e-38 / STEPS[dtype]],
        [[1e-45, 0, 0], (x) => Math.abs(x) <= 1e-44],
        [[0, -0, 0], (x) => x === 0],
        [[Number.NaN, 1, 2], Number.isNaN],
        [[1, Number.NEGATIVE_INFINITY, 2], Number.isNaN],
      ];
      for (const [numbers, fits] of groups) {
        const cache = engine.kvCache({ kvHeads: 1, headDim: 3, capacity: 4, dtype });
        const x = { data: Float32Array.from(numbers), shape: [1, 1, 1, 3] };
        cache.append(x, x);
        const { key, value } = cache.toHost();
        for (const back of [key, value]) assert.ok([...back.data].every(fits), `${numbers} came back as ${back.data}`);
        cache.dispose();
      }
    });
  }

  test("floats of every kind, rounded to 16 bits", () => {
    const special = [
      0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7f800001, 0xffffffff, 0x477fefff, 0x477ff000, 0x387fffff,
    ];
    const n = 100_003;
    const words = Uint32Array.from({ length: n }, (_, i) => special[i] ?? Math.floor(random() * 2 ** 32));
    // As many again where float16 is subnormal
    for (let i = special.length; i < n; i += 2) words[i] = (words[i]! & 0x87ffffff) | 0x30000000;
    const { kernels, memory } = engine.core;
    const [from, to] = [memory.allocate(n * 4), memory.allocate(n * 2)];
    new Uint32Array(memory.memory.buffer, from, n).set(words);
    for (const [dtype, code] of [
      ["float16", DTYPE_FLOAT16],
      ["bfloat16", DTYPE_BFLOAT16],
    ] as const) {
      kernels.narrowRow(from, to, n, code);
      const got = new Uint16Array(memory.memory.buffer, to, n);
      const want = narrow(new Float32Array(words.buffer), dtype);
      const isNaN16 = (bits: number) => (dtype === "float16" ? (bits & 0x7fff) > 0x7c00 : (bits & 0x7fff) > 0x7f80);
      for (let i = 0; i < n; i++) {
        if (got[i] === want[i] || (isNaN16(got[i]!) && isNaN16(want[i]!))) continue;
        assert.is(got[i], want[i], `${dtype} of ${words[i]!.toString(16)}`);
      }
    }
    memory.free(from, n * 4);
    memory.free(to, n * 2);
  });

  test("float16 and bfloat16 tokens go into every dtype", () => {
    for (const given of ["float16", "bfloat16"] as const) {
      for (const dtype of DTYPES) {
        for (const D of [5, 32, 40]) {
          const shape = [1, 2, 9, D];
          const x = hostTensor(tensor(random, ...shape).data, shape, given);
          const wide = { data: widen(x.data as Uint16Array, given), shape };
          const results = [x, wide].map((input) => {
            const cache = engine.kvCache({ kvHeads: 2, headDim: D, capacity: 9, dtype });
            cache.append(input, input);
            const { key, value } = cache.toHost();
            const { output } = cache.attention(tensor(generator(3), 1, 2, 9, D));
            cache.dispose();
            return [key, value, output];
          });
          for (const i of [0, 1, 2]) assertSameBits(results[0]![i]!, results[1]![i]!, `${given} into ${dtype}`);
        }
      }
    }
  });

  test("queries of float16 and bfloat16 over every dtype", () => {
    for (const dtype of DTYPES) {
      const cache = engine.kvCache({ kvHeads: 1, headDim: 40, valueDim: 6, capacity: 80, dtype });
      cache.append(tensor(random, 1, 1, 80, 40), tensor(random, 1, 1, 80, 6));
      for (const given of ["float16", "bfloat16"] as const) {
        const query = hostTensor(tensor(random, 3, 70, 40).data, [3, 70, 40], given);
        const { output } = cache.attention(query);
        assert.is(output.dtype, given);
        assert.equal(output.shape, [3, 70, 6]);
        const wide = cache.attention({ data: widen(query.data as Uint16Array, given), shape: query.shape }).output;
        assert.equal(output.data, narrow(wide.data as Float32Array, given));
      }
      cache.dispose();
    }
  });

  test("nothing is read that was not written, nor written elsewhere", () => {
    const guarded = guardedEngine(build);
    for (const dtype of DTYPES) {
      for (const [D, Dv] of [
        [1, 1],
        [33, 5],
        [64, 80],
      ] as const) {
        const options = { batch: 2, kvHeads: 2, headDim: D, valueDim: Dv, dtype };
        for (const mode of [{ capacity: 140 }, { window: 20, pinned: 3, capacity: 60 }, { pages: 7 }]) {
          const seed = generator(D * 100 + Dv);
          const steps = [1, 7, 30, 1, 27, 20].map((n) => ({
            key: tensor(seed, 2, 2, n, D),
            value: tensor(seed, 2, 2, n, Dv),
            query: tensor(seed, 2, 4, n, D),
          }));
          const run = (one: Engine) => {
            const cache = one.kvCache({ ...options, ...mode });
            const results = steps.flatMap(({ key, value, query }, i) => {
              cache.append(key, value, i === 1 ? { lengths: [2, 7], leftPadding: [1, 0] } : {});
              const fork = cache.fork({ items: [1, 0, 1] });
              const { output } = cache.attention(query, { returnWeights: true, returnLse: true });
              fork.dispose();
              return [output, ...Object.values(cache.toHost())];
            });
            cache.dispose();
            return results;
          };
          const [got, want] = [run(guarded), run(engine)];
          for (const [i, result] of got.entries()) {
            assert.not.ok((result.data as Float32Array).some(Number.isNaN), "holds NaN");
            assertSameBits(result, want[i]!, `${dtype} ${D} ${Dv} ${JSON.stringify(mode)}`);
          }
          assert.is(guarded.info.memory.used, 0);
        }
      }
    }
  });

  test.run();
}

/** What each element of a row should be kept as. */
function expected(row: Float32Array, dtype: CacheDType): { q: number; scale: number }[] {
  if (dtype === "float32") return [...row].map((q) => ({ q, scale: 1 }));
  if (dtype === "float16" || dtype === "bfloat16") {
    return [...widen(narrow(row, dtype), dtype)].map((q) => ({ q, scale: 1 }));
  }
  return Array.from({ length: Math.ceil(row.length / 32) }, (_, g) => {
    const { q, scale } = quantise(row.subarray(g * 32, (g + 1) * 32), STEPS[dtype]);
    return q.map((x) => ({ q: x + 0, scale }));
  }).flat();
}
