// The option `statistics`: golden values by hand, against the weights themselves, the same bits for any number of threads,
// guard bytes, and memory that grows with S x k. Random calls of all kinds are in properties.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionOptions, type Engine, type HostTensor, load, loadSync } from "../src/index.js";
import { load as loadThreads } from "../src/threads.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { type AllStatistics, checkStatistics, everyStatistic } from "./properties/check-statistics.js";
import { generator, tensor } from "./random.js";

const WINDOW = [2, 1] as const;
const EVERYTHING = everyStatistic(3, WINDOW);
const near = (got: HostTensor, want: readonly number[]) => {
  assert.is(got.data.length, want.length);
  for (const [i, x] of want.entries()) {
    assert.ok(Math.abs((got.data[i] as number) - x) < 1e-6, `[${i}] is ${got.data[i]} instead of ${x}`);
  }
};

function all(engine: Engine, q: HostTensor, k: HostTensor, options: AttentionOptions = {}): AllStatistics {
  return engine.attention(q, k, k, { ...options, statistics: EVERYTHING }).statistics as AllStatistics;
}

for (const build of BUILDS) {
  const test = suite(`statistics (${build})`);
  const engine = loadSync({ build });

  test("by hand: equal weights, causal", () => {
    const zeros = { data: new Float32Array(3), shape: [3, 1] };
    const got = all(engine, zeros, zeros, { causal: true });
    near(got.entropy, [0, Math.log(2), Math.log(3)]);
    near(got.distance, [0, 1 / 2, (2 + 1) / 3]);
    near(got.windowShare, [1, 1, 1]);
    near(got.mass, [1 + 1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 / 3]);
    // Of equal weights the first keys come first
    assert.equal([...got.topK.keys.data], [0, -1, -1, 0, 1, -1, 0, 1, 2]);
    near(got.topK.weights, [1, 0, 0, 1 / 2, 1 / 2, 0, 1 / 3, 1 / 3, 1 / 3]);
    assert.equal(got.topK.keys.dtype, "int32");
  });

  test("by hand: weights 1/10, 2/10, 3/10, 4/10 by a bias, from another diagonal", () => {
    const zero = { data: new Float32Array(4), shape: [4, 1] };
    const bias = { data: Float32Array.from([1, 2, 3, 4], Math.log), shape: [1, 4] };
    const query = { data: new Float32Array(1), shape: [1, 1] };
    const got = all(engine, query, zero, { bias, causal: { offset: 3 } });
    near(got.entropy, [-[0.1, 0.2, 0.3, 0.4].reduce((sum, w) => sum + w * Math.log(w), 0)]);
    near(got.distance, [0.1 * 3 + 0.2 * 2 + 0.3]);
    near(got.windowShare, [0.9]);
    near(got.mass, [0.1, 0.2, 0.3, 0.4]);
    assert.equal([...got.topK.keys.data], [3, 2, 1]);
    near(got.topK.weights, [0.4, 0.3, 0.2]);
  });

  test("by hand: a sink takes half, and counts nowhere", () => {
    const zeros = { data: new Float32Array(2), shape: [1, 2, 1] };
    const sinks = { data: Float32Array.of(Math.log(2)), shape: [1] };
    const got = all(engine, zeros, zeros, { sinks });
    near(got.entropy, [0.5 * Math.log(4), 0.5 * Math.log(4)]);
    near(got.distance, [0.5, 0.5]);
    near(got.mass, [0.5, 0.5]);
    near(got.topK.weights, [0.25, 0.25, 0, 0.25, 0.25, 0]);
  });

  test("shapes follow the query: rank 2, 3, 4 and more, grouped heads, BSHD", () => {
    const random = generator(1);
    for (const [lead, keyLead, options] of [
      [[], [], {}],
      [[4], [2], {}],
      [[2, 4], [2, 1], {}],
      [[2, 3, 4], [2, 3, 4], {}],
    ] as const) {
      const got = all(engine, tensor(random, ...lead, 5, 8), tensor(random, ...keyLead, 7, 8), options);
      for (const name of ["entropy", "distance", "windowShare"] as const) assert.equal(got[name].shape, [...lead, 5]);
      assert.equal(got.mass.shape, [...lead, 7]);
      assert.equal(got.topK.keys.shape, [...lead, 5, 3]);
    }
    const [q, k] = [tensor(random, 2, 5, 4, 8), tensor(random, 2, 7, 2, 8)];
    const got = all(engine, q, k, { layout: "BSHD" });
    assert.equal(
      [got.entropy.shape, got.mass.shape],
      [
        [2, 4, 5],
        [2, 4, 7],
      ],
    );
  });

  test("rows and columns at the edges of tiles, against the weights of the same call", () => {
    const random = generator(2);
    for (const [queries, keys] of [
      [1, 1],
      [8, 9],
      [63, 191],
      [64, 192],
      [65, 193],
      [129, 385],
      [67, 5],
    ] as const) {
      const [q, k] = [tensor(random, 1, 3, queries, 16), tensor(random, 1, 1, keys, 16)];
      for (const options of [{}, { causal: "lower-right" }, { window: [4, 3], softcap: 2 }] as AttentionOptions[]) {
        const call = { ...options, returnWeights: true, returnLse: true, statistics: EVERYTHING } as const;
        const got = engine.attention(q, k, k, call);
        const weights = { data: Float64Array.from(got.weights.data as Float32Array), shape: [1, 3, queries, keys] };
        const where = `${queries} x ${keys}, ${JSON.stringify(options)}`;
        checkStatistics(got.statistics as AllStatistics, weights, options as never, WINDOW, 1e-5, where);
        const plain = engine.attention(q, k, k, options);
        assert.equal(got.output, plain.output, "the output stays what it is");
      }
    }
  });

  test("only what is asked for, and top 8 where no number is given", () => {
    const x = tensor(generator(3), 12, 4);
    const { statistics } = engine.attention(x, x, x, { statistics: ["topK", "mass"] });
    assert.equal(Object.keys(statistics).sort(), ["mass", "topK"]);
    assert.equal(statistics.topK.keys.shape, [12, 8]);
    assert.equal(engine.attention(x, x, x, { statistics: [] }).statistics, {});
  });

  test("no queries, no keys, only padding", () => {
    const random = generator(4);
    const none = all(engine, tensor(random, 2, 0, 4), tensor(random, 2, 5, 4));
    assert.equal([none.entropy.shape, [...none.mass.data]], [[2, 0], new Array(10).fill(0)]);
    for (const [k, options] of [
      [tensor(random, 2, 0, 4), {}],
      [tensor(random, 2, 5, 4), { keyLengths: [0] }],
      [tensor(random, 2, 5, 4), { queryLengths: [0] }],
    ] as const) {
      const got = all(engine, tensor(random, 2, 3, 4), k, options);
      for (const name of ["entropy", "distance", "windowShare", "mass"] as const) {
        assert.ok(
          (got[name].data as Float32Array).every((x) => x === 0),
          name,
        );
      }
      assert.ok((got.topK.keys.data as Int32Array).every((key) => key === -1));
    }
  });

  test("large scores: the entropy does not cancel away", () => {
    const bias = { data: Float32Array.of(30000, 30000 - Math.LN2 * 8, 29000), shape: [1, 3] };
    const zero = { data: new Float32Array(3), shape: [3, 1] };
    const got = all(engine, { data: new Float32Array(1), shape: [1, 1] }, zero, { bias });
    // What float32 leaves of the second score
    const w = 1 / (1 + Math.exp(30000 - bias.data[1]!));
    const want = -(w * Math.log(w) + (1 - w) * Math.log(1 - w));
    assert.ok(
      Math.abs((got.entropy.data[0]! as number) - want) < 1e-5 * want,
      `${got.entropy.data[0]} instead of ${want}`,
    );
  });

  test("guard bytes stay, nothing is left behind", () => {
    const guarded = guardedEngine(build);
    const random = generator(5);
    for (const [queries, keys] of [
      [1, 1],
      [9, 7],
      [65, 97],
      [70, 200],
    ] as const) {
      const [q, k] = [tensor(random, 2, 4, queries, 5), tensor(random, 2, 2, keys, 5)];
      for (const options of [{}, { causal: "upper-left" }, { keyLengths: [0, keys] }] as AttentionOptions[]) {
        assert.equal(all(guarded, q, k, options), all(engine, q, k, options));
      }
    }
    assert.is(guarded.info.memory.used, 0);
    guarded.close();
  });

  test("the same bits with 1, 2, 3 and 5 threads", async () => {
    const random = generator(6);
    const [q, k] = [tensor(random, 2, 3, 300, 32), tensor(random, 2, 3, 301, 32)];
    const options: AttentionOptions[] = [{}, { causal: "lower-right" }, { softcap: 3, window: [40, 40] }];
    const want = options.map((option) => all(engine, q, k, option));
    for (const threads of [2, 3, 5]) {
      const many = await loadThreads({ build, threads });
      for (const [i, option] of options.entries()) assert.equal(all(many, q, k, option), want[i], `${threads} threads`);
      many.close();
    }
  });

  test("16,384 tokens: memory for rows and keys, not for pairs", () => {
    const S = 16384;
    const x = tensor(generator(7), S, 4);
    const own = loadSync({ build });
    using resident = own.tensor(x);
    const before = own.info.memory.peak;
    const { output, statistics } = own.attention(resident, resident, resident, {
      causal: true,
      statistics: ["entropy", "mass", "distance", { topK: 8 }, { windowShare: [64, 0] }],
    });
    // output, rowMax, rowSum, entropy, distance, share and mass, 8 keys and weights per row, and the scratch of a tile
    const results = S * 4 * (4 + 2 + 3 + 1 + 2 * 8);
    const peak = own.info.memory.peak - before;
    assert.ok(peak < results + 200_000, `${peak} bytes, of which ${results} are results`);
    const mass = (statistics.mass.toHost().data as Float32Array).reduce((sum, y) => sum + y, 0);
    assert.ok(Math.abs(mass - S) < 0.5, `${mass}`);
    for (const made of [output, statistics.entropy, statistics.mass, statistics.distance, statistics.windowShare])
      made.dispose();
    statistics.topK.keys.dispose();
    statistics.topK.weights.dispose();
    own.close();
  });

  test.after(() => engine.close());
  test.run();
}

const test = suite("statistics");
test("refused, with nothing left behind", async () => {
  const engine = await load();
  const x = tensor(generator(8), 4, 4);
  const refused: [unknown, string, RegExp][] = [
    [true, "ERR_ARGUMENT_TYPE", /^statistics must be an array: got true$/],
    [["entropie"], "ERR_VALUE", /^statistics\[0\] must be 'entropy', 'distance'.*: got "entropie"$/],
    [[3], "ERR_ARGUMENT_TYPE", /^statistics\[0\] must be a string/],
    [["mass", "mass"], "ERR_VALUE", /^statistics must name mass once$/],
    [["topK", { topK: 2 }], "ERR_VALUE", /^statistics must name topK once$/],
    [[{ topK: 0 }], "ERR_VALUE", /^statistics\[0\]\.topK must be an integer from 1/],
    [["windowShare"], "ERR_ARGUMENT_TYPE", /^statistics\[0\] must be \{ windowShare: \[left, right\] \}/],
    [
      [{ windowShare: [1] }],
      "ERR_ARGUMENT_TYPE",
      /^statistics\[0\] must be \{ windowShare: \[left, right\] \}: got \[1\]$/,
    ],
    [[{ windowShare: [1, -2] }], "ERR_VALUE", /windowShare\[1\] must be an integer from -1/],
    [[{ entropy: true }], "ERR_UNKNOWN_OPTION", /there is no option 'entropy'/],
    [[{}], "ERR_ARGUMENT_TYPE", /^statistics\[0\] must be/],
  ];
  for (const [statistics, code, message] of refused) {
    try {
      engine.attention(x, x, x, { statistics } as never);
      assert.unreachable(`${JSON.stringify(statistics)} was taken`);
    } catch (error) {
      assert.is((error as { code?: string }).code, code, `${JSON.stringify(statistics)}: ${(error as Error).message}`);
      assert.match((error as Error).message, message);
    }
  }
  assert.is(engine.info.memory.used, 0);
  assert.throws(() => engine.attention(x, x, x, { statistics: [{ topK: 2 ** 28 }] }), /bytes/);
  assert.is(engine.info.memory.used, 0);
  assert.throws(() => engine.attentionScores(x, x, { statistics: ["mass"] } as never), /no option 'statistics'/);
  engine.close();
});
test.run();
