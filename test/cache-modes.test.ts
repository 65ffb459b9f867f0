// A cache as it is used: modes, forks, trees, rotary embedding, exact bytes, threads. Wrong calls are in cache-errors.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type AttentionOptions,
  type CacheAttentionOptions,
  type Engine,
  type HostTensor,
  load,
  loadSync,
} from "../src/index.js";
import { load as loadThreads } from "../src/threads.js";
import { BUILDS } from "./builds.js";
import { chunkBytes } from "./cache/page-bytes.js";
import { numbersOf } from "./conformance/tolerance.js";
import { assertSameBits, largestError } from "./properties/arrays.js";
import { generator, tensor } from "./random.js";

/** Rows [from, to) of axis 2. */
function rows(x: HostTensor, from: number, to: number): HostTensor {
  const [B, H, S, D] = x.shape as [number, number, number, number];
  const data = new Float32Array(B * H * (to - from) * D);
  for (let h = 0; h < B * H; h++) {
    data.set((x.data as Float32Array).subarray((h * S + from) * D, (h * S + to) * D), h * (to - from) * D);
  }
  return { data, shape: [B, H, to - from, D] };
}

function near(got: HostTensor, want: HostTensor, what: string, bound = 3e-6): void {
  assert.equal(got.shape, want.shape, what);
  const error = largestError(numbersOf(got), numbersOf(want));
  assert.ok(error < bound, `${what}: off by ${error}`);
}

for (const build of BUILDS) {
  const test = suite(`cache modes (${build})`);
  const engine = loadSync({ build });
  const random = generator(41);
  const make = (...shape: number[]) => tensor(random, ...shape);

  test("token by token is engine.attention over the whole", () => {
    const [q, k, v] = [make(2, 6, 150, 20), make(2, 2, 150, 20), make(2, 2, 150, 9)];
    const whole = engine.attention(q, k, v, { causal: true, returnLse: true });
    for (const mode of [{ capacity: 150 }, { pages: 6 }, { window: 150 }]) {
      using cache = engine.kvCache({ batch: 2, kvHeads: 2, headDim: 20, valueDim: 9, ...mode });
      for (let t = 0; t < 150; t++) {
        cache.append(rows(k, t, t + 1), rows(v, t, t + 1));
        const got = cache.attention(rows(q, t, t + 1), { returnLse: true });
        near(got.output, rows(whole.output, t, t + 1), `token ${t}`);
        const lse = { data: got.lse.data, shape: [2, 6, 1, 1] };
        near(lse, rows({ ...whole.lse, shape: [2, 6, 150, 1] }, t, t + 1), `lse of token ${t}`);
      }
    }
  });

  test("a ring with pinned tokens is a window and the first tokens, for every chunk size", () => {
    const n = 300;
    const [q, k, v] = [make(1, 2, n, 16), make(1, 2, n, 16), make(1, 2, n, 16)];
    for (const [window, pinned] of [
      [1, 0],
      [20, 4],
      [64, 64],
      [65, 70],
      [100, 1],
    ] as const) {
      const mask = {
        data: Uint8Array.from({ length: n * n }, (_, at) => {
          const [i, j] = [Math.floor(at / n), at % n];
          return Number(j < pinned || j > i - window);
        }),
        shape: [n, n],
      };
      const whole = engine.attention(q, k, v, { causal: true, mask }).output;
      for (const size of [1, 7, 64, 100]) {
        const capacity = window + size - 1;
        using cache = engine.kvCache({ kvHeads: 2, headDim: 16, window, pinned, capacity });
        const most = 2 * chunkBytes(16, "float32") * 2 * (Math.ceil(pinned / 64) + Math.ceil((capacity + 63) / 64));
        for (let t = 0; t < n; t += size) {
          const end = Math.min(n, t + size);
          cache.append(rows(k, t, end), rows(v, t, end));
          near(cache.attention(rows(q, t, end)).output, rows(whole, t, end), `${window} ${pinned} ${size}: ${t}`);
        }
        assert.ok(cache.bytes.reserved <= most, "a ring does not grow");
        assert.ok(cache.bytes.used <= cache.bytes.reserved);
      }
    }
  });

  test("a long past costs a ring nothing", () => {
    const other = loadSync({ build });
    const [n, window] = [1000, 20];
    const [k, v, q] = [make(1, 1, n, 8), make(1, 1, n, 8), make(1, 2, 1, 8)];
    for (const [pinned, dtype] of [
      [0, "float32"],
      [70, "int8"],
    ] as const) {
      using cache = other.kvCache({ kvHeads: 1, headDim: 8, window, pinned, capacity: n + window, dtype });
      const attend = () => {
        cache.append(k, v);
        return cache.attention(q, { returnLse: true });
      };
      for (let chunks = 0; chunks < 3; chunks++) attend();
      const { peak } = other.info.memory;
      for (let chunks = 3; chunks < 100; chunks++) attend();
      assert.is(other.info.memory.peak, peak);
      // The same tokens are seen after every chunk
      const one = attend();
      for (let chunks = 0; chunks < 7; chunks++) attend();
      const again = attend();
      near(again.output, one.output, "output", 1e-6);
      near({ ...again.lse, shape: [] }, { ...one.lse, shape: [] }, "lse", 1e-6);
    }
  });

  test("prompts of different lengths, padded left or right", () => {
    const prompts = [5, 70, 1];
    const longest = 70;
    const whole = prompts.map((n) => [make(1, 4, n, 8), make(1, 2, n, 8), make(1, 2, n, 8)] as const);
    const want = whole.map((x) => engine.attention(...x, { causal: true }).output);
    for (const side of ["left", "right"] as const) {
      const padded = [0, 1, 2].map((which) => {
        const heads = which === 0 ? 4 : 2;
        const data = new Float32Array(3 * heads * longest * 8).fill(which === 0 ? 0.5 : Number.NaN);
        whole.forEach((x, b) => {
          const n = prompts[b]!;
          for (let h = 0; h < heads; h++) {
            const at = side === "left" ? longest - n : 0;
            const row = (x[which]!.data as Float32Array).subarray(h * n * 8, (h + 1) * n * 8);
            data.set(row, ((b * heads + h) * longest + at) * 8);
          }
        });
        return { data, shape: [3, heads, longest, 8] } as HostTensor;
      }) as [HostTensor, HostTensor, HostTensor];
      using cache = engine.kvCache({ batch: 3, kvHeads: 2, headDim: 8, capacity: 100 });
      const padding = prompts.map((n) => longest - n);
      cache.append(padded[1], padded[2], side === "left" ? { leftPadding: padding } : { lengths: prompts });
      assert.equal(cache.lengths, prompts);
      const queries = side === "left" ? {} : { queryLengths: prompts };
      const { output, lse } = cache.attention(padded[0], { returnLse: true, ...queries });
      prompts.forEach((n, b) => {
        const at = side === "left" ? longest - n : 0;
        const own = { data: (output.data as Float32Array).slice(b * 4 * longest * 8), shape: [1, 4, longest, 8] };
        near(rows(own, at, at + n), want[b]!, `prompt ${b} padded ${side}`);
        const empty = rows(own, side === "left" ? 0 : n, side === "left" ? longest - n : longest);
        assert.ok(
          (empty.data as Float32Array).every((x) => x === 0),
          "padding gives zeros",
        );
      });
      const sum = [...lse.data].filter((x) => x === Number.NEGATIVE_INFINITY).length;
      assert.is(sum, 4 * padding.reduce((a, b) => a + b, 0), "and lse -Infinity");
    }
  });

  test("a fork goes on after its parent, and copies only what it writes to", () => {
    const page = 2 * chunkBytes(8, "float32");
    const parent = engine.kvCache({ kvHeads: 1, headDim: 8, capacity: 256 });
    const [k, v, q] = [make(1, 1, 256, 8), make(1, 1, 256, 8), make(1, 1, 1, 8)];
    parent.append(rows(k, 0, 130), rows(v, 0, 130));
    assert.equal(parent.bytes, { page, used: 3 * page, shared: 0, reserved: 4 * page });
    const fork = parent.fork();
    assert.equal(fork.bytes, { page, used: 3 * page, shared: 3 * page, reserved: 4 * page });
    fork.append(rows(k, 130, 131), rows(v, 130, 131));
    assert.equal(fork.bytes, { page, used: 3 * page, shared: 2 * page, reserved: 4 * page });
    assert.equal(parent.lengths, [130]);
    const second = parent.fork();
    second.truncate(64);
    second.append(rows(v, 0, 1), rows(k, 0, 1));
    assert.equal(
      second.bytes,
      { page, used: 2 * page, shared: page, reserved: 5 * page },
      "memory for a fork's own pages",
    );
    const other = parent.attention(q).output;
    parent.dispose();
    assert.throws(() => parent.attention(q), /disposed/);
    assert.equal(fork.bytes.shared, page, "with the second fork, the first page");
    near(fork.attention(q).output, engine.attention(q, rows(k, 0, 131), rows(v, 0, 131)).output, "the fork");
    fork.truncate(130);
    near(fork.attention(q).output, other, "what its parent gave");
    second.dispose();
    assert.equal(fork.bytes, { page, used: 3 * page, shared: 0, reserved: 4 * page }, "what lay beside is given back");
    fork.dispose();
    assert.is(engine.info.memory.used, 0);
  });

  test("beams: sequences of the parent, chosen and repeated", () => {
    const [k, v, q] = [make(3, 2, 70, 8), make(3, 2, 70, 8), make(3, 4, 1, 8)];
    let beams = engine.kvCache({ batch: 3, kvHeads: 2, headDim: 8, capacity: 80 });
    beams.append(k, v);
    const before = beams.attention(q).output.data as Float32Array;
    const chosen = [2, 0, 0];
    const next = beams.fork({ items: chosen });
    beams.dispose();
    beams = next;
    const moved = { ...q, data: Float32Array.from(chosen.flatMap((b) => [...q.data.subarray(b * 32, (b + 1) * 32)])) };
    const want = Float32Array.from(chosen.flatMap((b) => [...before.subarray(b * 32, (b + 1) * 32)]));
    assert.equal(beams.attention(moved).output.data, want);
    assert.is(beams.bytes.used, 4 * beams.bytes.page, "two sequences share their pages");
    beams.append(rows(k, 0, 1), rows(v, 0, 1));
    assert.is(beams.bytes.used, 5 * beams.bytes.page, "the last of the shared pages is copied once");
    beams.dispose();
    assert.is(engine.info.memory.used, 0);
  });

  test("a speculative tree: a mask, positions by depth, and back to the accepted branch", () => {
    const D = 16;
    const rotary = { base: 500, rotaryDim: 8 };
    const [k, v, q] = [make(1, 2, 60, D), make(1, 2, 60, D), make(1, 4, 60, D)];
    using cache = engine.kvCache({ kvHeads: 2, headDim: D, capacity: 100, rotary });
    cache.append(rows(k, 0, 50), rows(v, 0, 50));
    // Two branches from token 49: nodes 0 - 1 - 2 and 0 - 3
    const parents = [-1, 0, 1, 0];
    const depth = [0, 1, 2, 1];
    const sees = (i: number, j: number): boolean => i === j || (parents[i]! >= 0 && sees(parents[i]!, j));
    const mask = {
      data: Uint8Array.from({ length: 4 * 54 }, (_, at) =>
        Number(at % 54 < 50 || sees(Math.floor(at / 54), (at % 54) - 50)),
      ),
      shape: [4, 54],
    };
    const positions = depth.map((d) => 50 + d);
    cache.append(rows(k, 50, 54), rows(v, 50, 54), { positions });
    const tree = cache.attention(rows(q, 50, 54), { mask, positions }).output;
    for (const branch of [
      [0, 1, 2],
      [0, 3],
    ]) {
      const order = [...Array(50).keys(), ...branch.map((i) => 50 + i)];
      const pick = (x: HostTensor) => {
        const parts = order.map((t) => rows(x, t, t + 1));
        const [H, n] = [x.shape[1]!, order.length];
        const data = new Float32Array(H * n * D);
        parts.forEach((part, t) => {
          for (let h = 0; h < H; h++) {
            data.set((part.data as Float32Array).subarray(h * D, (h + 1) * D), (h * n + t) * D);
          }
        });
        return { data, shape: [1, H, n, D] } as HostTensor;
      };
      const turned = [pick(q), pick(k)].map((x) => engine.rotaryEmbedding(x, rotary)) as [HostTensor, HostTensor];
      const whole = engine.attention(...turned, pick(v), { causal: true }).output;
      for (const [i, node] of branch.entries()) {
        near(rows(tree, node, node + 1), rows(whole, 50 + i, 51 + i), `node ${node}`);
      }
    }
    cache.truncate(51);
    cache.append(rows(k, 53, 54), rows(v, 53, 54));
    const again = cache.attention(rows(q, 53, 54)).output;
    near(again, rows(tree, 3, 4), "the accepted branch");
  });

  test("rotary: every option of engine.rotaryEmbedding, tables on either side", () => {
    const [D, n] = [20, 40];
    const [k, v, q] = [make(2, 1, n, D), make(2, 1, n, D), make(2, 3, n, D)];
    const [cos, sin] = [make(60, 6), make(60, 6)];
    const resident = { cos: engine.tensor(cos), sin: engine.tensor(sin) };
    for (const rotary of [
      true,
      { base: 77 },
      { interleaved: true, rotaryDim: 6 },
      { cos, sin, rotaryDim: 12 },
      { ...resident, rotaryDim: 12, interleaved: true },
    ]) {
      const options = rotary === true ? {} : rotary;
      const turned = [q, k].map((x) => engine.rotaryEmbedding(x, options as { base?: number })) as [
        HostTensor,
        HostTensor,
      ];
      const whole = engine.attention(...turned, v, { causal: true }).output;
      using cache = engine.kvCache({ batch: 2, kvHeads: 1, headDim: D, capacity: n, rotary });
      for (let t = 0; t < n; t += 13) {
        const end = Math.min(n, t + 13);
        cache.append(rows(k, t, end), rows(v, t, end));
        near(cache.attention(rows(q, t, end)).output, rows(whole, t, end), JSON.stringify(Object.keys(options)));
      }
      // Queries after the last token turn by where they stand, too
      const late = engine.rotaryEmbedding(rows(q, 0, 5), { ...(options as { base?: number }), offset: n + 7 });
      const got = cache.attention(rows(q, 0, 5), { causal: { offset: n + 7 } }).output;
      near(got, engine.attention(late, turned[1], v).output, `after the end, ${Object.keys(options)}`);
    }
    resident.cos.dispose();
    resident.sin.dispose();
  });

  test("resident gives resident, and the same bits", () => {
    const [k, v, q] = [make(1, 2, 90, 12), make(1, 2, 90, 12), make(1, 4, 90, 12)];
    using cache = engine.kvCache({ kvHeads: 2, headDim: 12, capacity: 90 });
    using other = engine.kvCache({ kvHeads: 2, headDim: 12, capacity: 90 });
    cache.append(k, v);
    // Views with strides of their own: a slice of the sequence, [Hk, n, D]
    const [rk, rv, rq] = [k, v, q].map((x) => engine.tensor(x));
    for (const [from, to] of [
      [0, 50],
      [50, 90],
    ] as const) {
      const heads = [rk!, rv!].map((x) => x.select(0, 0));
      const [a, b] = heads.map((x) => x.slice(1, from, to));
      other.append(a!, b!);
      for (const view of [...heads, a!, b!]) view.dispose();
    }
    const want = cache.attention(q, { returnLse: true, returnWeights: { rows: [3, 89], heads: [1] } });
    const got = other.attention(rq!, { returnLse: true, returnWeights: { rows: [3, 89], heads: [1] } });
    for (const name of ["output", "lse", "weights"] as const) {
      assertSameBits(got[name].toHost(), want[name], name);
      got[name].dispose();
    }
    for (const x of [rk, rv, rq]) x!.dispose();
    assert.equal(want.weights.shape, [1, 1, 2, 90]);
  });

  test("options: causal or not, windows, offsets, layout", () => {
    const [k, v, q] = [make(1, 2, 90, 12), make(1, 2, 90, 12), make(1, 4, 30, 12)];
    using cache = engine.kvCache({ kvHeads: 2, headDim: 12, capacity: 90 });
    cache.append(k, v);
    const bias = make(4, 30, 90);
    const options: CacheAttentionOptions[] = [
      { causal: false },
      { causal: true },
      { causal: "lower-right" },
      { causal: "upper-left" },
      { causal: { offset: 20 } },
      { causal: false, window: { left: 5, right: 7, offset: 40 } },
      { window: [10, -1], softcap: 2, scale: 0.4 },
      { similarity: "cosine", bias },
      { similarity: "squared-euclidean", sinks: make(4) },
    ];
    for (const option of options) {
      const { positions: _, ...rest } = option;
      const causal = option.causal === undefined || option.causal === true ? "lower-right" : option.causal;
      const whole: AttentionOptions = { ...rest, causal };
      const [got, want] = [cache.attention(q, option), engine.attention(q, k, v, whole)];
      near(got.output, want.output, JSON.stringify(Object.keys(option)));
    }
    // Without a causal mask, windows are around the end all the same
    const around = cache.attention(q, { causal: false, window: [3, 2] }).output;
    near(
      around,
      engine.attention(q, k, v, { window: { left: 3, right: 2, offset: 60 } }).output,
      "window without causal",
    );
    const swapped = (x: HostTensor) => {
      using whole = engine.tensor(x);
      using view = whole.permute([0, 2, 1, 3]);
      return view.toHost();
    };
    near(cache.attention(swapped(q), { layout: "BSHD" }).output, swapped(cache.attention(q).output), "BSHD");
  });

  test("what an infinite float16 did to a page does not stay with the cache, its forks and later pages", () => {
    const [k, v, q] = [make(1, 1, 100, 32), make(1, 1, 100, 32), make(1, 1, 1, 32)];
    const fresh = () => engine.kvCache({ kvHeads: 1, headDim: 32, window: 30, capacity: 100, dtype: "float16" });
    const infinite = { data: new Float32Array(32).fill(1e6), shape: [1, 1, 1, 32] };
    using untouched = fresh();
    using cache = fresh();
    for (const one of [untouched, cache]) one.append(k, v);
    const want = untouched.attention(q).output;
    using fork = cache.fork();
    fork.append(infinite, infinite);
    assert.ok(Number.isNaN(fork.attention(infinite).output.data[0]), "an infinite score");
    assertSameBits(cache.attention(q).output, want, "beside a fork");
    using other = fork.fork();
    other.reset();
    other.append(k, v);
    assertSameBits(other.attention(q).output, want, "after a reset");
    fork.truncate(64);
    fork.append(rows(k, 64, 100), rows(v, 64, 100));
    assertSameBits(fork.attention(q).output, want, "after going back behind its page");
  });

  test("statistics over a ring", () => {
    const n = 200;
    const [q, k, v] = [make(1, 4, n, 16), make(1, 2, n, 16), make(1, 2, n, 16)];
    const sees = (i: number, j: number) => j < 3 || j > i - 30;
    const data = Uint8Array.from({ length: n * n }, (_, at) => Number(sees(Math.floor(at / n), at % n)));
    using cache = engine.kvCache({ kvHeads: 2, headDim: 16, window: 30, pinned: 3, capacity: 230 });
    cache.append(k, v);
    const statistics = ["entropy", "mass", "distance"] as const;
    const got = cache.attention(q, { statistics }).statistics;
    const want = engine.attention(q, k, v, { causal: true, mask: { data, shape: [n, n] }, statistics }).statistics;
    for (const name of statistics) near(got[name], want[name], name, name === "distance" ? 2e-4 : 1e-5);
  });

  test("an empty cache, no queries, no tokens", () => {
    using cache = engine.kvCache({ batch: 2, kvHeads: 2, headDim: 4, capacity: 8 });
    const { output, lse } = cache.attention(make(2, 2, 3, 4), { returnLse: true });
    assert.ok((output.data as Float32Array).every((x) => x === 0));
    assert.ok(lse.data.every((x) => x === Number.NEGATIVE_INFINITY));
    assert.is(cache.attention(make(2, 2, 0, 4)).output.data.length, 0);
    cache.append(make(2, 2, 0, 4), make(2, 2, 0, 4));
    assert.equal(cache.lengths, [0, 0]);
    assert.equal(cache.toHost().key.shape, [2, 2, 0, 4]);
    cache.append(make(2, 2, 8, 4), make(2, 2, 8, 4));
    assert.equal(cache.toHost(3, 5).key.shape, [2, 2, 2, 4]);
  });

  test("dtypes by their short names", () => {
    for (const [short, name] of [
      ["f32", "float32"],
      ["f16", "float16"],
      ["bf16", "bfloat16"],
    ] as const) {
      using cache = engine.kvCache({ kvHeads: 1, headDim: 4, capacity: 1, dtype: short });
      assert.is(cache.dtype, name);
    }
  });

  test("threads give the same bits", async () => {
    const run = (one: Engine) => {
      const seed = generator(5);
      const results: HostTensor[] = [];
      for (const mode of [
        { capacity: 700 },
        { window: 150, pinned: 5, capacity: 450 },
        { pages: 40, dtype: "int8" as const },
      ]) {
        const cache = one.kvCache({ batch: 2, kvHeads: 2, headDim: 64, ...mode });
        for (const n of [300, 1, 200]) {
          cache.append(tensor(seed, 2, 2, n, 64), tensor(seed, 2, 2, n, 64));
          const options = { returnLse: true, returnWeights: { rows: [0], heads: [3] } } as const;
          results.push(...(Object.values(cache.attention(tensor(seed, 2, 8, n, 64), options)) as HostTensor[]));
        }
        cache.dispose();
      }
      return results;
    };
    const single = await load({ build });
    const want = run(single);
    for (const threads of [2, 3]) {
      const threaded = await loadThreads({ build, threads });
      for (const [i, result] of run(threaded).entries()) assertSameBits(result, want[i]!, `${threads} threads, ${i}`);
      threaded.close();
    }
    single.close();
  });

  test.run();
}
