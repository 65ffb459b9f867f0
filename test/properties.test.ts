// What holds for any numbers: invariances of attention, agreement with the oracle over random options, one answer for
// host arrays, resident tensors and views, and an error no larger than twice that of plain float32.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionOptions, type Engine, type HostTensor, loadSync } from "../src/index.js";
import { attention as oracle } from "../src/reference/index.js";
import { BUILDS } from "./builds.js";
import { numbersOf } from "./conformance/tolerance.js";
import { assertSameBits, hostTensor, largestError, operandOf, size } from "./properties/arrays.js";
import { checkFuzzCase } from "./properties/fuzz-check.js";
import { fuzzCase } from "./properties/fuzz-case.js";
import { checkAdditive, checkLinear, checkMerge, checkPooling, checkRotary } from "./properties/other-operations.js";
import { plainAttention } from "./properties/plain-float32.js";
import { Random } from "./properties/random.js";

const FUZZ_CASES = 400;
const builds = BUILDS.map((build) => ({ build, engine: loadSync({ build }) }));

interface Inputs {
  readonly q: HostTensor;
  readonly k: HostTensor;
  readonly v: HostTensor;
}

function inputs(seed: number, shape: readonly number[], Sk = shape[2]!, deviation = 1): Inputs {
  const random = new Random(seed);
  const [B, H, , D] = shape as [number, number, number, number];
  const make = (of: readonly number[], spread: number) => hostTensor(random.normals(size(of), spread), of);
  return { q: make(shape, deviation), k: make([B, H, Sk, D], deviation), v: make([B, H, Sk, D], 1) };
}

/** The rows of axis 2 in another order, or only some of them. */
function rows({ data, shape, dtype }: HostTensor, order: readonly number[]): HostTensor {
  const [B, H, S, D] = shape as [number, number, number, number];
  const from = data as Float32Array;
  const to = new Float32Array(B * H * order.length * D);
  for (let h = 0; h < B * H; h++) {
    order.forEach((row, i) => {
      to.set(from.subarray((h * S + row) * D, (h * S + row + 1) * D), (h * order.length + i) * D);
    });
  }
  return { data: to, shape: [B, H, order.length, D], ...(dtype && { dtype }) };
}

function assertNear(got: HostTensor, want: ArrayLike<number>, bound: number, what: string): void {
  const error = largestError(numbersOf(got), want);
  assert.ok(error <= bound, `${what}: off by ${error}, allowed ${bound}`);
}

for (const { build, engine } of builds) {
  const properties = suite(`properties (${build})`);

  properties("keys and values in another order give the same", () => {
    const { q, k, v } = inputs(1, [2, 3, 65, 33], 193);
    const order = new Random(2).permutation(193);
    const whole = engine.attention(q, k, v, { returnLse: true });
    const moved = engine.attention(q, rows(k, order), rows(v, order), { returnLse: true });
    assertNear(moved.output, numbersOf(whole.output), 2e-6, "output");
    assertNear(moved.lse, numbersOf(whole.lse), 2e-6, "lse");
  });

  properties("parts over disjoint keys merge to the whole", () => {
    const { q, k, v } = inputs(3, [2, 2, 97, 64], 257);
    const whole = engine.attention(q, k, v, { returnLse: true });
    const random = new Random(4).permutation(257);
    for (const cuts of [
      [0, 128, 257],
      [0, 1, 96, 97, 257],
      [0, 0, 200, 257],
    ]) {
      const parts = cuts.slice(1).map((end, i) => {
        const order = random.slice(cuts[i], end);
        return engine.attention(q, rows(k, order), rows(v, order), { returnLse: true });
      });
      const merged = engine.mergeAttention(parts);
      assertNear(merged.output, numbersOf(whole.output), 2e-6, `output of ${cuts}`);
      assertNear(merged.lse, numbersOf(whole.lse), 2e-6, `lse of ${cuts}`);
    }
  });

  properties("weights of a row sum to 1, and to 0 without any key", () => {
    const { q, k, v } = inputs(5, [1, 2, 130, 16], 96, 2);
    const { weights, lse } = engine.attention(q, k, v, { causal: "lower-right", returnWeights: true, returnLse: true });
    const data = weights.data as Float32Array;
    for (let row = 0; row < 2 * 130; row++) {
      const sum = data.subarray(row * 96, (row + 1) * 96).reduce((a, b) => a + b, 0);
      const empty = (lse.data as Float32Array)[row] === Number.NEGATIVE_INFINITY;
      assert.is(empty, row % 130 < 34);
      assert.ok(empty ? sum === 0 : Math.abs(sum - 1) < 3e-6, `row ${row} sums to ${sum}`);
    }
  });

  // A head size whose scale is no power of two: then rounding a score and rounding its maximum are two roundings
  for (const deviation of [1, 10, 100, 1e3, 1e5, 1e8, 1e15]) {
    properties(`queries and keys of standard deviation ${deviation}: finite, and weights sum to 1`, () => {
      const { q, k, v } = inputs(11, [1, 1, 200, 80], 200, deviation);
      const { output, lse, weights } = engine.attention(q, k, v, { returnWeights: true, returnLse: true });
      const want = oracle(operandOf(q), operandOf(k), operandOf(v));
      const data = weights.data as Float32Array;
      for (let row = 0; row < 200; row++) {
        const sum = data.subarray(row * 200, (row + 1) * 200).reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(sum - 1) < 3e-6, `row ${row} sums to ${sum}`);
        const [got, expected] = [(lse.data as Float32Array)[row]!, want.lse.data[row]!];
        assert.ok(Math.abs(got - expected) <= 2e-6 * Math.abs(expected), `lse[${row}] is ${got}, expected ${expected}`);
      }
      assertNear(output, want.output.data, 2e-4, "output");
    });
  }

  properties("a constant added to all scores moves only the lse", () => {
    const { q, k, v } = inputs(6, [1, 3, 65, 17], 97);
    const whole = engine.attention(q, k, v, { returnLse: true });
    for (const shift of [-300, -1, 2.5, 1000]) {
      const bias = { data: Float32Array.of(shift), shape: [1] };
      const moved = engine.attention(q, k, v, { bias, returnLse: true });
      const bound = 2e-6 + 4 * Math.abs(shift) * 2 ** -23;
      assertNear(moved.output, numbersOf(whole.output), bound, `output at ${shift}`);
      assertNear(
        moved.lse,
        Float64Array.from(numbersOf(whole.lse), (x) => x + shift),
        bound,
        `lse at ${shift}`,
      );
    }
  });

  properties("NaN in a masked key does not show", () => {
    const { q, k, v } = inputs(7, [1, 1, 70, 8], 100);
    const mask = { data: Uint8Array.from({ length: 100 }, (_, j) => (j % 3 === 1 ? 0 : 1)), shape: [100] };
    const clean = engine.attention(q, k, v, { mask, returnLse: true, returnWeights: true });
    const spoilt = {
      ...k,
      data: (k.data as Float32Array).map((x, at) => (Math.floor(at / 8) % 3 === 1 ? Number.NaN : x)),
    };
    const got = engine.attention(q, spoilt, v, { mask, returnLse: true, returnWeights: true });
    for (const name of ["output", "lse", "weights"] as const) assertSameBits(got[name], clean[name], name);
  });

  properties("causal, window and mask together", () => {
    const { q, k, v } = inputs(8, [2, 2, 129, 16], 193);
    const random = new Random(9);
    const mask = {
      data: Uint8Array.from({ length: 129 * 193 }, () => (random.chance(0.5) ? 1 : 0)),
      shape: [129, 193],
    };
    for (const causal of ["upper-left", "lower-right", { offset: [-7, 100] }] as const) {
      for (const window of [
        [5, -1],
        [64, 0],
        [0, 3],
        [-1, -1],
      ] as const) {
        const options = { causal, window } as const;
        const got = engine.attention(q, k, v, { ...options, mask, returnLse: true });
        const want = oracle(operandOf(q), operandOf(k), operandOf(v), { ...options, mask: operandOf(mask) });
        assertNear(got.output, want.output.data, 3e-6, `output of ${JSON.stringify(options)}`);
        assertNear(got.lse, want.lse.data, 3e-6, `lse of ${JSON.stringify(options)}`);
      }
    }
  });

  properties("linear maps, against the oracle", () => checkLinear(engine));
  properties("attention pooling, against the oracle", () => checkPooling(engine));
  properties("additive attention, against the oracle", () => checkAdditive(engine));
  properties("rotary embedding, against the oracle", () => checkRotary(engine));
  properties("merging, against the oracle", () => checkMerge(engine));

  properties("views give the bits of contiguous tensors", () => views(engine));

  // Tiles, the whole range of head sizes, and scores from flat to peaked
  const shapes = [
    { S: 64, D: 64 },
    { S: 197, D: 64 },
    { S: 512, D: 64 },
    { S: 257, D: 80 },
    { S: 193, D: 128 },
    { S: 97, D: 256 },
    { S: 127, D: 33 },
    { S: 257, D: 8 },
    { S: 257, D: 64, causal: true },
    { S: 193, D: 64, deviation: 3 },
  ];
  for (const { S, D, causal = false, deviation = 1 } of shapes) {
    const name = `S ${S}, D ${D}${causal ? ", causal" : ""}${deviation === 1 ? "" : ", peaked"}`;
    properties(`error against float64 is at most twice that of plain float32: ${name}`, () => {
      const { q, k, v } = inputs(S * 1000 + D, [1, 1, S, D], S, deviation);
      const [a, b, c] = [operandOf(q), operandOf(k), operandOf(v)];
      const want = oracle(a, b, c, { causal }).output.data;
      const ours = errorOf(engine.attention(q, k, v, { causal }).output.data as Float32Array, want);
      const plain = errorOf(plainAttention(a, b, c, causal), want);
      assert.ok(ours.rms <= 2 * plain.rms, `RMS ${ours.rms} against ${plain.rms}: ${ours.rms / plain.rms} times`);
      assert.ok(ours.largest <= 2 * plain.largest, `largest ${ours.largest} against ${plain.largest}`);
    });
  }
  properties.run();
}

const fuzz = suite(`random options against the oracle, ${FUZZ_CASES} cases on each build`);
for (let seed = 0; seed < FUZZ_CASES; seed += 20) {
  fuzz(`seeds ${seed} to ${seed + 19}`, () => {
    for (let one = seed; one < seed + 20; one++) {
      const test = fuzzCase(one);
      const want = oracle(...test.operands, test.reference);
      for (const { build, engine } of builds) checkFuzzCase(engine, test, want, build);
    }
  });
}
fuzz.after(() => {
  for (const { engine } of builds) engine.close();
});
fuzz.run();

function errorOf(got: Float32Array, want: Float64Array): { rms: number; largest: number } {
  const squares = got.reduce((sum, x, i) => sum + (x - want[i]!) ** 2, 0);
  return { rms: Math.sqrt(squares / got.length), largest: largestError(got, want) };
}

/** Heads out of a packed [B, S, 3, H, D], slices of the batch, the heads and the rows. */
function views(engine: Engine): void {
  const [B, S, H, D] = [2, 70, 4, 12];
  const used = engine.info.memory.used;
  const packed = engine.tensor(hostTensor(new Random(10).normals(B * S * 3 * H * D), [B, S, 3, H, D]));
  const options: AttentionOptions = { causal: "lower-right", returnLse: true, returnWeights: true };
  const cuts = [
    (x: typeof packed) => x,
    (x: typeof packed) => x.slice(0, 1, 2),
    (x: typeof packed) => x.slice(2, 5, 69),
    (x: typeof packed) => x.slice(1, 1, 3),
  ];
  for (const [i, cut] of cuts.entries()) {
    const heads = [0, 1, 2].map((which) => {
      const own = packed.select(2, which);
      const swapped = own.permute([0, 2, 1, 3]);
      own.dispose();
      const part = cut(swapped);
      if (part !== swapped) swapped.dispose();
      return part;
    }) as [typeof packed, typeof packed, typeof packed];
    const got = engine.attention(...heads, options) as Record<"output" | "lse" | "weights", typeof packed>;
    const hosts = heads.map((tensor) => tensor.toHost()) as [HostTensor, HostTensor, HostTensor];
    const want = engine.attention(...hosts, options) as Record<"output" | "lse" | "weights", HostTensor>;
    for (const name of ["output", "lse", "weights"] as const) {
      assertSameBits(got[name].toHost(), want[name], `${name} of cut ${i}`);
      got[name].dispose();
    }
    for (const tensor of heads) tensor.dispose();
  }
  packed.dispose();
  assert.is(engine.info.memory.used, used, "memory in use");
}
