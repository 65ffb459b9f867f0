// Few queries over many keys: every dtype, in tensors and in the pages of a cache, against float64, with poisoned memory
// between guard bytes; and the same bits for any number of threads.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AttentionOptions, Engine, HostTensor } from "../src/index.js";
import { attentionParameters } from "../src/engine/abi.generated.js";
import { attention as reference, type Operand, type ReferenceOptions } from "../src/reference/index.js";
import { load } from "../src/threads.js";
import { BUILDS } from "./builds.js";
import { decodeBounds } from "./decode/bounds.js";
import { CODES, fromBrain, fromHalf, items, type PageDType, packPages, toHalf } from "./decode/pages.js";
import { guardedEngine } from "./guarded-memory.js";
import { generator, tensor } from "./random.js";

const LENGTHS = [1, 2, 3, 5, 63, 64, 65, 127, 511, 513, 1000, 1024, 1025, 4097];
const DIMS = [8, 64, 32, 80, 128, 256, 16];
/** G and Sq */
const ROWS = [
  [1, 1],
  [4, 1],
  [2, 1],
  [1, 3],
  [2, 2],
  [3, 1],
  [1, 4],
  [1, 2],
] as const;

const FLOATS = ["float32", "float16", "bfloat16"] as const;
type FloatDType = (typeof FLOATS)[number];

/** A tensor of a dtype. */
function typed(data: Float32Array, shape: readonly number[], dtype: FloatDType): HostTensor {
  if (dtype === "float32") return { data: data as Float32Array<ArrayBuffer>, shape };
  const words = new Uint32Array(data.buffer);
  const bits = new Uint16Array(data.length);
  for (let i = 0; i < bits.length; i++) bits[i] = dtype === "float16" ? toHalf(data[i]!) : words[i]! >>> 16;
  return { data: bits, shape, dtype };
}

function numbers({ data, dtype }: HostTensor): Float64Array {
  const all = new Float64Array(data.length);
  for (let i = 0; i < all.length; i++) {
    const x = data[i] as number;
    all[i] = dtype === "float16" ? fromHalf(x) : dtype === "bfloat16" ? fromBrain(x) : x;
  }
  return all;
}

const UNITS: Record<FloatDType, number> = { float32: 0, float16: 2 ** -11, bfloat16: 2 ** -8 };

function close(name: string, got: ArrayLike<number>, want: ArrayLike<number>, bound: number, unit = 0): void {
  assert.is(got.length, want.length, name);
  for (let i = 0; i < want.length; i++) {
    const most = bound + unit * Math.abs(want[i]!);
    if (got[i] === want[i] || Math.abs(got[i]! - want[i]!) <= most) continue;
    assert.unreachable(`${name}[${i}] is ${got[i]}, expected ${want[i]} within ${most}`);
  }
}

/** From [B, H, S, D] to [B, S, H, D]. */
function transposed(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const [B, H, S, D] = shape as [number, number, number, number];
  const to = new Float32Array(data.length);
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let s = 0; s < S; s++) {
        const from = ((b * H + h) * S + s) * D;
        to.set(data.subarray(from, from + D), ((b * S + s) * H + h) * D);
      }
  return to;
}

/** Options that an interval, the score steps or the results depend on, for queries that may be longer than keys. */
function optionsFor(turn: number, length: number, heads: number, random: () => number): AttentionOptions {
  const last = { offset: length - 1 };
  const all: AttentionOptions[] = [
    {},
    { causal: "lower-right" },
    { window: { left: 70, right: 0, offset: length - 2 }, softcap: 2 },
    { sinks: tensor(random, heads), causal: "lower-right" },
    { keyLengths: [Math.max(1, Math.floor(length * 0.7)), length] },
    { softcap: 5, sinks: tensor(random, heads), scale: -0.4 },
    { causal: last, window: [200, 3], keyLengths: [length, Math.ceil(length / 2)] },
    { keyLengths: [0, length], sinks: tensor(random, heads) },
  ];
  return all[turn % all.length]!;
}

for (const build of BUILDS) {
  const test = suite(`decode (${build})`);
  const guarded = guardedEngine(build);

  for (const dtype of FLOATS) {
    test(`tensors of ${dtype}`, () => {
      const random = generator(21);
      let turn = 0;
      for (const length of LENGTHS) {
        for (let i = 0; i < (length > 600 ? 2 : 8); i++, turn++) {
          const [G, Sq] = ROWS[(turn + i) % ROWS.length]!;
          const D = DIMS[turn % DIMS.length]!;
          const Dv = DIMS[(turn * 3 + i) % DIMS.length]!;
          const Hk = length > 900 ? 1 : 2;
          const options = optionsFor(turn + (i >> 3), length, Hk * G, random);
          checkTensors(
            guarded,
            dtype,
            [2, Hk, G, Sq, length, D, Dv],
            options,
            turn % 5 === 2 ? "BSHD" : "BHSD",
            random,
          );
        }
      }
    });
  }

  function checkTensors(
    engine: Engine,
    dtype: FloatDType,
    [B, Hk, G, Sq, Sk, D, Dv]: readonly [number, number, number, number, number, number, number],
    options: AttentionOptions,
    layout: "BHSD" | "BSHD",
    random: () => number,
  ): void {
    const shapes = [
      [B, Hk * G, Sq, D],
      [B, Hk, Sk, D],
      [B, Hk, Sk, Dv],
    ] as const;
    const plain = shapes.map((shape) => tensor(random, ...shape));
    const packed = plain.map(({ data, shape }) => typed(data, shape, dtype)) as [HostTensor, HostTensor, HostTensor];
    const operands = packed.map((host) => ({ data: numbers(host), shape: host.shape })) as unknown as [
      Operand,
      Operand,
      Operand,
    ];
    const hosts = plain.map(({ data, shape }, i) => {
      if (layout === "BHSD") return packed[i]!;
      return typed(transposed(data, shape), [shape[0]!, shape[2]!, shape[1]!, shape[3]!], dtype);
    }) as [HostTensor, HostTensor, HostTensor];
    const sinks = options.sinks as { data: Float32Array } | undefined;
    const wanted = { ...options, ...(sinks && { sinks: sinks.data }) } as unknown as ReferenceOptions;
    const want = reference(...operands, wanted);
    const got = engine.attention(...hosts, { ...options, layout, returnLse: true });
    const bounds = decodeBounds(...operands, options.scale ?? 1 / Math.sqrt(D), dtype, want);
    const name = `${[B, Hk, G, Sq, Sk, D, Dv]} ${layout} ${Object.keys(options)}`;
    const output = numbers(got.output);
    const rows =
      layout === "BHSD" ? want.output.data : transposed(Float32Array.from(want.output.data), want.output.shape);
    close(`output of ${name}`, output, rows, bounds.output + 1e-7, UNITS[dtype]);
    close(`lse of ${name}`, numbers(got.lse), want.lse.data, bounds.lse, 2 ** -23);
    assert.is(engine.info.memory.used, 0);
  }

  for (const dtype of Object.keys(CODES) as PageDType[]) {
    test(`pages of ${dtype}`, () => {
      const random = generator(33);
      let turn = 0;
      for (const length of LENGTHS) {
        for (let i = 0; i < (length > 600 ? 2 : 6); i++, turn++) {
          const [G, Sq] = ROWS[(turn + i) % ROWS.length]!;
          const D = [...DIMS, 9, 50][turn % (DIMS.length + 2)]!;
          const Dv = [...DIMS, 11, 77][(turn * 4 + i) % (DIMS.length + 2)]!;
          checkPages(guarded, dtype, turn, [2, length > 900 ? 1 : 2, G, Sq, length, D, Dv], random);
        }
      }
    });
  }

  /** A cache of `length` tokens and its last queries: causal, with windows, pinned keys and pages that are gone. */
  function checkPages(
    engine: Engine,
    dtype: PageDType,
    turn: number,
    [B, Hk, G, Sq, Sk, D, Dv]: readonly [number, number, number, number, number, number, number],
    random: () => number,
  ): void {
    const H = Hk * G;
    const lengths = [Sk, Math.max(1, Math.floor(Sk * 0.6))];
    const diagonals = lengths.map((length) => length - Sq);
    const left = turn % 3 === 1 ? 100 : -1;
    const pinned = turn % 6 === 1 ? 3 : 0;
    const softcap = turn % 4 === 2 ? 4 : 0;
    const sinks = turn % 5 === 3 ? tensor(random, H) : undefined;
    const scale = 1 / Math.sqrt(D);
    // With a window, pages that nobody sees any more
    const missing = (b: number, page: number) =>
      left >= 0 && page * 64 >= pinned && page * 64 + 63 < diagonals[b]! - left && (page > 0 || pinned === 0);
    const query = tensor(random, B, H, Sq, D);
    engine.core.call((scope) => {
      const pages = packPages(
        scope,
        tensor(random, B, Hk, Sk, D),
        tensor(random, B, Hk, Sk, Dv),
        dtype,
        lengths,
        missing,
      );
      const want = reference(query, pages.key, pages.value, {
        scale,
        ...(softcap > 0 && { softcap }),
        ...(sinks && { sinks: sinks.data }),
        visible: (b, _h, i, j) => {
          const position = i + diagonals[b]!;
          return j < lengths[b]! && j <= position && (left < 0 || j >= position - left || j < pinned);
        },
      });
      const output = scope.allocate(B * H * Sq * Dv * 4);
      const lse = scope.allocate(B * H * Sq * 4);
      const parameters = scope.block(attentionParameters, {
        ...pages.fields,
        batch: B,
        keyHeads: Hk,
        groups: G,
        queryLength: Sq,
        keyLength: Sk,
        headDim: D,
        valueDim: Dv,
        query: scope.copyIn(query.data),
        queryBatch: H * Sq * D * 4,
        queryHead: Sq * D * 4,
        queryRow: D * 4,
        output,
        outputBatch: H * Sq * Dv * 4,
        outputHead: Sq * Dv * 4,
        outputRow: Dv * 4,
        lse,
        scale,
        softcap,
        shift: Math.ceil(Math.log2(Sk + 2)),
        items: scope.copyIn(items(diagonals, lengths, Sq)),
        left,
        right: 0,
        pinned,
        sinks: sinks ? scope.copyIn(sinks.data) : 0,
      });
      engine.core.compute(scope, parameters, engine.core.job(scope, "forward", parameters, 1));
      const { buffer } = engine.core.memory.memory;
      const bounds = decodeBounds(query, pages.key, pages.value, scale, dtype, want);
      const name = `${[B, Hk, G, Sq, Sk, D, Dv]} left ${left} pinned ${pinned} softcap ${softcap} ${sinks && "sinks"}`;
      close(`output of ${name}`, new Float32Array(buffer, output, B * H * Sq * Dv), want.output.data, bounds.output);
      close(`lse of ${name}`, new Float32Array(buffer, lse, B * H * Sq), want.lse.data, bounds.lse, 2 ** -23);
    });
    assert.is(engine.info.memory.used, 0);
  }

  test("infinities and NaN in float16 and bfloat16 come out as the forward has them", () => {
    for (const dtype of ["float16", "bfloat16"] as const) {
      const random = generator(5);
      const infinity = dtype === "float16" ? 0x7c00 : 0x7f80;
      for (const [G, at] of [
        [1, 0],
        [1, 130],
        [4, 64],
        [3, 131],
      ] as const) {
        for (const bits of [infinity, infinity | 0x8000, infinity | 0x40, infinity | 0x8000 | 1]) {
          for (const which of [0, 1]) {
            const q = typed(tensor(random, 1, G, 1, 16).data, [1, G, 1, 16], dtype);
            const kv = [0, 1].map(() => typed(tensor(random, 1, 1, 132, 16).data, [1, 1, 132, 16], dtype));
            (kv[which]!.data as Uint16Array)[at * 16 + 5] = bits;
            const got = numbers(guarded.attention(q, kv[0]!, kv[1]!).output);
            // Weights are asked of the forward
            const want = numbers(guarded.attention(q, kv[0]!, kv[1]!, { returnWeights: true }).output);
            got.forEach((x, i) => {
              if (Number.isNaN(want[i]!) ? !Number.isNaN(x) : Math.abs(x - want[i]!) > 0.02) {
                if (x !== want[i])
                  assert.unreachable(`${dtype} bits ${bits.toString(16)} in ${which}: ${x}, not ${want[i]}`);
              }
            });
          }
        }
      }
    }
  });

  test("a float16 cache reads infinities and NaN, whichever cache on the same pages they came by", () => {
    for (const bits of [0x7c00, 0xfc00, 0x7c40, 0xfc01]) {
      for (const which of [0, 1]) {
        const random = generator(6);
        const half = (n: number) => typed(tensor(random, 1, 1, n, 16).data, [1, 1, n, 16], "float16");
        const cache = guarded.kvCache({ kvHeads: 1, headDim: 16, capacity: 100, dtype: "float16" });
        const tokens = [half(70), half(70)];
        cache.append(tokens[0]!, tokens[1]!);
        const fork = cache.fork();
        const query = half(1);
        const before = numbers(cache.attention(query).output);
        assert.not.ok(before.some(Number.isNaN));
        const last = [half(1), half(1)];
        (last[which]!.data as Uint16Array)[5] = bits;
        fork.append(last[0]!, last[1]!);
        const whole = tokens.map(({ data }, i) => {
          const both = [...(data as Uint16Array), ...(last[i]!.data as Uint16Array)];
          return { data: Uint16Array.from(both), shape: [1, 1, 71, 16], dtype: "float16" as const };
        });
        const want = numbers(guarded.attention(query, whole[0]!, whole[1]!, { returnWeights: true }).output);
        const got = numbers(fork.attention(query).output);
        got.forEach((x, i) => {
          const same = Number.isNaN(want[i]!) ? Number.isNaN(x) : x === want[i] || Math.abs(x - want[i]!) <= 0.02;
          assert.ok(same, `bits ${bits.toString(16)} in ${which}: ${x}, not ${want[i]}`);
        });
        // The parent, which holds none, reads exactly now
        numbers(cache.attention(query).output).forEach((x, i) => {
          assert.ok(Math.abs(x - before[i]!) <= 2e-3);
        });
        fork.dispose();
        cache.dispose();
      }
    }
    assert.is(guarded.info.memory.used, 0);
  });

  test("subnormal halves keep their value", () => {
    const n = 70;
    const tiny = {
      data: new Uint16Array(n * 8).map((_, i) => (i % 1023) + 1),
      shape: [1, n, 8],
      dtype: "float16" as const,
    };
    const q = { data: new Float32Array(8).fill(0), shape: [1, 1, 8] };
    const query = typed(q.data, q.shape, "float16");
    const got = numbers(guarded.attention(query, tiny, tiny).output);
    for (let c = 0; c < 8; c++) {
      let mean = 0;
      for (let j = 0; j < n; j++) mean += fromHalf(tiny.data[j * 8 + c]!) / n;
      assert.ok(Math.abs(got[c]! - mean) <= 2 ** -24, `${got[c]} ${mean}`);
    }
  });

  test("which calls take this path", () => {
    const { core } = guarded;
    core.call((scope) => {
      const tiles = (fields: Record<string, number>) =>
        core.kernels.attentionTiles(
          scope.block(attentionParameters, {
            batch: 1,
            keyHeads: 3,
            groups: 1,
            queryLength: 1,
            keyLength: 5000,
            headDim: 64,
            valueDim: 64,
            scale: 1,
            ...fields,
          }),
        );
      // Splits: 16 of all heads together
      assert.is(tiles({}), 3 * 6);
      assert.is(tiles({ queryLength: 4 }), 3 * 6);
      assert.is(tiles({ groups: 2, queryLength: 2, softcap: 3, sinks: 64 }), 3 * 6);
      // but none of more than 4096 keys, and of less than 512 only what is left
      assert.is(tiles({ keyHeads: 32 }), 32 * 2);
      assert.is(tiles({ keyHeads: 32, keyLength: 4096 }), 32);
      assert.is(tiles({ keyLength: 513 }), 3 * 2);
      assert.is(tiles({ keyLength: 512 }), 3);
      // Pages are read with all their heads
      assert.is(tiles({ pages: 64, headDim: 9, valueDim: 11 }), 4);
      assert.is(tiles({ pages: 64, keyLength: 40000 }), 10);
      for (const other of [
        { queryLength: 5 },
        { headDim: 63 },
        { valueDim: 4 },
        { mask: 64 },
        { bias: 64 },
        { alibiSlopes: 64 },
        { similarity: 1 },
        { rowMax: 64 },
        { pages: 64, headDim: 7 },
      ]) {
        assert.is(tiles(other), 3, JSON.stringify(other));
      }
    });
  });

  test("sizes that other paths take agree", () => {
    const random = generator(9);
    for (const [D, Dv] of [
      [7, 8],
      [8, 5],
      [63, 33],
    ] as const) {
      checkTensors(guarded, "float32", [2, 2, 2, 1, 300, D, Dv], { causal: "lower-right" }, "BHSD", random);
    }
  });

  test("the same bits with 1, 2 and 3 threads", async () => {
    const random = generator(4);
    const q = tensor(random, 2, 8, 1, 64);
    const k = tensor(random, 2, 4, 4097, 64);
    const v = tensor(random, 2, 4, 4097, 32);
    const options = { keyLengths: [4097, 2000], returnLse: true, sinks: tensor(random, 8) } as const;
    const want = guarded.attention(q, k, v, options);
    for (const threads of [1, 2, 3]) {
      const engine = await load({ build, threads });
      for (let again = 0; again < 5; again++) assert.equal(engine.attention(q, k, v, options), want);
      engine.close();
    }
  });

  test.run();
}
