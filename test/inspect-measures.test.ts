// Measures of weights: golden values worked out by hand, and properties that their definitions promise.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { load } from "../src/index.js";
import {
  attentionFlow,
  attentionRollout,
  headConfidence,
  headContribution,
  headDistance,
  headDiversity,
  headEntropy,
  headImportance,
  headWindowShare,
  layerSimilarity,
} from "../src/inspect/index.js";
import { FlowNetwork } from "../src/inspect/max-flow.js";
import { generator, tensor } from "./random.js";

const test = suite("inspect-measures");
const array = (shape: number[], ...data: number[]) => ({ data: Float32Array.from(data), shape });
const near = (got: ArrayLike<number>, want: readonly number[], tolerance = 1e-6) => {
  assert.is(got.length, want.length);
  for (const [i, value] of want.entries()) {
    assert.ok(Math.abs(got[i]! - value) <= tolerance, `[${i}]: ${got[i]} instead of ${value}`);
  }
};
/** Random rows that sum to 1. */
function weights(random: () => number, ...shape: number[]) {
  const keys = shape.at(-1)!;
  const data = Float32Array.from({ length: shape.reduce((n, size) => n * size) }, () => random() ** 4);
  for (let from = 0; from < data.length; from += keys) {
    const sum = data.subarray(from, from + keys).reduce((total, x) => total + x, 0);
    for (let j = 0; j < keys; j++) data[from + j]! /= sum;
  }
  return { data, shape };
}

// A1 = [[1, 0], [1/4, 3/4]], A2 = [[3/4, 1/4], [0, 1]]
const TWO = [array([1, 2, 2], 1, 0, 0.5, 0.5), array([1, 2, 2], 0.5, 0.5, 0, 1)];

test("rollout, by hand: A2 A1", () => {
  const { data, shape } = attentionRollout(TWO);
  assert.equal(shape, [2, 2]);
  near(data, [13 / 16, 3 / 16, 1 / 4, 3 / 4]);
  near(attentionRollout(TWO, { residual: false }).data, [0.75, 0.25, 0.5, 0.5]);
});

test("rollout: heads fused by mean, max or min, rows brought to 1", () => {
  const heads = array([2, 2, 2], 1, 0, 0, 1, 0.2, 0.8, 0.6, 0.4);
  near(attentionRollout(heads, { residual: false }).data, [0.6, 0.4, 0.3, 0.7]);
  near(attentionRollout(heads, { residual: false, headFusion: "max" }).data, [1 / 1.8, 0.8 / 1.8, 0.6 / 1.6, 1 / 1.6]);
  near(attentionRollout(heads, { residual: false, headFusion: "min" }).data, [1, 0, 0, 1]);
});

test("rollout: batch items on their own, rows sum to 1, a row without weight keeps what it has", () => {
  const random = generator(1);
  const layers = [1, 2, 3].map(() => weights(random, 2, 3, 5, 5));
  const all = attentionRollout(layers);
  assert.equal(all.shape, [2, 5, 5]);
  const second = attentionRollout(layers.map(({ data }) => ({ data: data.subarray(75), shape: [3, 5, 5] })));
  near(all.data.subarray(25), [...second.data]);
  for (let row = 0; row < 10; row++) near([all.data.subarray(row * 5, row * 5 + 5).reduce((a, b) => a + b)], [1]);
  near(attentionRollout(array([2, 2], 0, 0, 0, 0)).data, [1, 0, 0, 1]);
});

test("flow, by hand: what the narrowest places let through", () => {
  near(attentionFlow(TWO, { normalize: false }).data, [1, 0.25, 0.25, 0.75]);
  near(attentionFlow(TWO).data, [0.8, 0.2, 0.25, 0.75]);
  assert.equal(attentionFlow(TWO, { rows: [1] }).shape, [1, 2]);
  near(attentionFlow(TWO, { rows: [1] }).data, [0.25, 0.75]);
});

test("flow: of one layer it is the weight itself", () => {
  const layer = weights(generator(2), 4, 6, 6);
  near(attentionFlow(layer).data, [...attentionRollout(layer).data]);
});

test("maximum flow equals the least cut, of all cuts", () => {
  const random = generator(3);
  for (let round = 0; round < 200; round++) {
    const n = 2 + Math.floor(random() * 5);
    const capacity = Array.from({ length: n * n }, () => (random() < 0.6 ? random() : 0));
    const network = new FlowNetwork(n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) if (capacity[i * n + j]! > 0) network.connect(i, j, capacity[i * n + j]!);
    }
    let least = Infinity;
    for (let set = 0; set < 2 ** n; set++) {
      if (!(set & 1) || (set >> (n - 1)) & 1) continue; // the source is in it, the sink is not
      let cut = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) if ((set >> i) & 1 && !((set >> j) & 1)) cut += capacity[i * n + j]!;
      }
      least = Math.min(least, cut);
    }
    const flow = network.maximumFlow(0, n - 1);
    assert.ok(Math.abs(flow - least) < 1e-12, `${flow} instead of ${least}`);
    assert.is(network.maximumFlow(0, n - 1), flow, "a second flow on the same network");
  }
});

test("flow: a network of a dozen layers ends", () => {
  const random = generator(4);
  const layers = Array.from({ length: 12 }, () => weights(random, 2, 9, 9));
  const { data } = attentionFlow(layers);
  for (let i = 0; i < 9; i++) near([data.subarray(i * 9, i * 9 + 9).reduce((a, b) => a + b)], [1]);
});

test("distance, by hand; a head that looks one back, and one that sees all alike", () => {
  const heads = array([2, 3, 3], 1, 0, 0, 1, 0, 0, 0, 1, 0, ...new Array(9).fill(1 / 3));
  const { data, shape } = headDistance(heads);
  assert.equal(shape, [1, 2]);
  near(data, [(0 + 1 + 1) / 3, (3 + 2 + 3) / 9]);
  near(headDistance(heads, { offset: 1 }).data, [(1 + 2 + 2) / 3, (1 + 0 + 1 + 2 + 1 + 0 + 3 + 2 + 1) / 9]);
});

test("distance on a grid of 2 x 2 cells", () => {
  const corner = array([4, 4], 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0.5, 0.5);
  near(headDistance(corner, { grid: [2, 2] }).data, [(Math.SQRT2 + 0 + 1 + 0.5) / 4]);
});

test("distance, share and entropy leave empty rows out and weigh what a sink left", () => {
  const rows = array([1, 1, 3, 3], 0, 0, 0, 0.25, 0, 0.25, 0, 0, 1);
  near(headDistance(rows).data, [(1 + 0) / 2]);
  near(headWindowShare(rows, [0, 1]).data, [(0.5 + 1) / 2]);
  near(headWindowShare(rows, [-1, 0]).data, [(0.5 + 1) / 2]);
  near(headEntropy(rows).data, [(0.5 * Math.log(4) + 0) / 2]);
  near(headConfidence(rows).data, [(0.25 + 1) / 2]);
});

test("entropy of equal weights is ln n", () => {
  near(headEntropy(array([1, 8], ...new Array(8).fill(1 / 8))).data, [Math.log(8)]);
});

test("diversity, by hand: the same head, one that shares half, one that shares nothing", () => {
  const heads = array([4, 1, 4], 1, 0, 0, 0, 1, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 1);
  const { divergence, nearest, diversity } = headDiversity(heads);
  // P = (1, 0), Q = (1/2, 1/2): M = (3/4, 1/4)
  const half = 0.5 * Math.log2(4 / 3) + 0.5 * (0.5 * Math.log2(2 / 3) + 0.5 * Math.log2(2));
  near(divergence.data, [0, 0, half, 1, 0, 0, half, 1, half, half, 0, 1, 1, 1, 1, 0]);
  assert.equal([...nearest], [1, 0, 0, 0]);
  near(diversity.data, [(0 + half + 1 + half + 1 + 1) / 6]);
});

test("diversity across layers, and of one head alone", () => {
  const [a, b] = [array([1, 1, 2], 1, 0), array([1, 1, 2], 0, 1)];
  const { divergence, diversity } = headDiversity([a, b, a]);
  assert.equal(divergence.shape, [3, 3]);
  near(divergence.data, [0, 1, 0, 1, 0, 1, 0, 1, 0]);
  near(diversity.data, [0, 0, 0]);
  assert.equal([...headDiversity(a).nearest], [-1]);
});

test("importance, by hand: |sum of output times gradient|, over the layer's norm", () => {
  const outputs = array([2, 2, 1, 2], 1, 2, 3, 4, 1, 1, 0, 1);
  const gradients = array([2, 2, 1, 2], 1, 1, 1, -1, -1, 0, 0, 6);
  // head 0: (|3| + |-1|) / 2 = 2, head 1: (|-1| + |6|) / 2 = 3.5
  near(headImportance(outputs, gradients).data, [2 / Math.hypot(2, 3.5), 3.5 / Math.hypot(2, 3.5)]);
});

test("contribution, by hand, with and without the projection", () => {
  const outputs = array([2, 1, 2], 3, 4, 0, 5);
  near(headContribution(outputs).data, [0.5, 0.5]);
  // [E = 1, H * Dv = 4]: head 0 gives 3, head 1 gives 10
  near(headContribution(outputs, array([1, 4], 1, 0, 0, 2)).data, [3 / 13, 10 / 13]);
});

test("contribution of heads as the engine gives them", async () => {
  const engine = await load();
  const x = tensor(generator(5), 2, 3, 7, 8);
  using resident = engine.tensor(x);
  using given = engine.attention(resident, resident, resident).output;
  const { data } = headContribution(given);
  near([data.reduce((a, b) => a + b)], [1]);
  near(data, [...headContribution(given.toHost()).data]);
  engine.close();
});

test("similarity of layers: 1 under rotation, scale and shift; both ways to compute it agree", () => {
  const random = generator(6);
  const x = tensor(random, 30, 2);
  const turned = array(
    [30, 2],
    ...Array.from({ length: 30 }).flatMap((_, i) => {
      const [a, b] = [x.data[2 * i]!, x.data[2 * i + 1]!];
      return [3 * (0.6 * a - 0.8 * b) + 7, 3 * (0.8 * a + 0.6 * b) - 1];
    }),
  );
  const other = tensor(random, 30, 5);
  // The same tokens with channels that are all 0: then there are more channels than tokens
  const wide = array(
    [30, 40],
    ...Array.from({ length: 30 }).flatMap((_, i) => [
      ...other.data.subarray(i * 5, i * 5 + 5),
      ...new Array(35).fill(0),
    ]),
  );
  const { data, shape } = layerSimilarity([x, turned, other, wide]);
  assert.equal(shape, [4, 4]);
  near([data[0]!, data[1]!, data[5]!, data[11]!], [1, 1, 1, 1]);
  near([data[2]!, data[8]!, data[3]!, data[6]!], [data[2]!, data[2]!, data[2]!, data[2]!]);
  assert.ok(data[2]! > 0 && data[2]! < 0.5);
});

test("similarity, by hand", () => {
  // Centred columns (-1, 0, 1) and (1, -2, 1): orthogonal; their sum with the first: 2 / (sqrt(2) sqrt(8))
  const [a, b] = [array([3, 1], 0, 1, 2), array([3, 1], 4, 1, 4)];
  near(layerSimilarity([a, b]).data, [1, 0, 0, 1]);
  // X = (-1, 0, 1), Y = (0, -2, 2): (X.Y)^2 / (|X|^2 |Y|^2) = 4 / 16
  near(layerSimilarity([a, array([3, 1], 1, -1, 3)]).data, [1, 0.25, 0.25, 1]);
  near(layerSimilarity([a, array([3, 1], 2, 2, 2)]).data, [1, 0, 0, 0]);
});

const REFUSED: [string, () => unknown, string, RegExp][] = [
  [
    "no tensor",
    () => attentionRollout(3 as never),
    "ERR_ARGUMENT_TYPE",
    /^layers must be a Tensor or \{ data, shape \}: got 3$/,
  ],
  ["no layers", () => attentionRollout([]), "ERR_VALUE", /^layers must not be empty$/],
  [
    "not square",
    () => attentionFlow(array([1, 2], 1, 0)),
    "ERR_SHAPE",
    /as many queries as keys: got \[1, 1, 1, 2\]|got \[1, 2\]/,
  ],
  ["rank 1", () => headDistance(array([2], 1, 0)), "ERR_SHAPE", /^layers\.shape must have 2, 3 or 4 axes: got \[2\]$/],
  ["too short", () => headDistance(array([2, 2], 1, 0)), "ERR_SHAPE", /^layers\.data must have the 4 elements/],
  [
    "negative",
    () => headDistance([array([1, 2], 1, -1)]),
    "ERR_VALUE",
    /^layers\[0\]\.data\[1\] must be a weight.* got -1$/,
  ],
  ["NaN", () => headEntropy(array([1, 2], Number.NaN, 1)), "ERR_VALUE", /data\[0\] must be a weight/],
  [
    "two shapes",
    () => headDiversity([array([1, 1], 1), array([1, 2], 1, 0)]),
    "ERR_SHAPE",
    /^layers\[1\] must have the shape/,
  ],
  [
    "bits",
    () => headEntropy({ data: new Uint16Array(2), shape: [1, 2], dtype: "float16" }),
    "ERR_DTYPE",
    /bits of float16/,
  ],
  ["fusion", () => attentionRollout(TWO, { headFusion: "sum" as never }), "ERR_VALUE", /^headFusion must be/],
  ["option", () => attentionRollout(TWO, { residuals: 1 } as never), "ERR_UNKNOWN_OPTION", /residuals/],
  ["row", () => attentionFlow(TWO, { rows: [2] }), "ERR_VALUE", /^rows must be integers from 0 to 1: got 2$/],
  [
    "grid",
    () => headDistance(array([2, 2], 1, 0, 0, 1), { grid: [2, 2] }),
    "ERR_SHAPE",
    /^grid must have as many cells/,
  ],
  [
    "gradients",
    () => headImportance(array([1, 1, 1], 1), array([1, 1, 2], 1, 1)),
    "ERR_SHAPE",
    /^gradients\[0\]\.shape/,
  ],
  [
    "projection",
    () => headContribution(array([1, 1, 1], 1), array([1, 2], 1, 1)),
    "ERR_SHAPE",
    /^projections\[0\]\.shape\[1\]/,
  ],
  [
    "tokens",
    () => layerSimilarity([array([1, 1], 1), array([2, 1], 1, 2)]),
    "ERR_SHAPE",
    /^layers\[1\] must have the 1 tokens/,
  ],
];
for (const [name, call, code, message] of REFUSED) {
  test(`refused: ${name}`, () => {
    try {
      call();
    } catch (error) {
      assert.is((error as { code?: string }).code, code);
      assert.match((error as Error).message, message);
      return;
    }
    assert.unreachable("nothing was thrown");
  });
}

test.run();
