// The map of weights, from scores of a few rows at a time, against the weights that attention itself gives.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunInputs } from "../src/cli/run-inputs.js";
import { collectWeights } from "../src/cli/weight-map.js";
import type { FileTensor } from "../src/formats/file-tensor.js";
import { type AttentionOptions, createBlockMask, type Engine, load } from "../src/index.js";
import { bools, tensor } from "./cli/plain-attention.js";

const test = suite("map");
const engine = await load();
test.after(() => engine.close());

/** The engine without the pass over all queries. */
const scoresOnly = {
  tensor: (host: FileTensor) => engine.tensor(host),
  attentionScores: (...call: Parameters<Engine["attentionScores"]>) => engine.attentionScores(...call),
} as unknown as Engine;

function inputsOf(query: FileTensor, key: FileTensor): RunInputs {
  return { query, key, value: key, self: query === key, optional: new Map() };
}

const [B, H, SQ, SK] = [2, 3, 70, 67];
const ids = (length: number): FileTensor => {
  return { data: Int32Array.from({ length: length }, (_, i) => i >> 4), shape: [length], dtype: "int32" };
};
const CASES: Record<string, AttentionOptions> = {
  plain: {},
  "scale and softcap": { scale: 3, softcap: 0.7 },
  "lower-right with lengths": { causal: "lower-right", queryLengths: [40, 70], keyLengths: [52, 67] },
  "lower-right with lengths of queries": { causal: "lower-right", queryLengths: [33, 1] },
  "no queries at all": { queryLengths: [0, 70] },
  "rows without keys": { causal: { offset: -9 } },
  "mask and bias": { mask: bools([SQ, SK], (i) => i % 5 > 1), bias: tensor(B, H, SQ, SK) },
  "mask that leaves nothing": { mask: bools([SQ, 1], (i) => i > 8), sinks: tensor(H) },
  sinks: { sinks: { data: Float32Array.of(9, -Infinity, 900), shape: [H] }, window: [5, 5] },
  "sinks of float16": { sinks: { data: Uint16Array.of(0x3c00, 0xc200, 0x0001), shape: [H], dtype: "float16" } },
  "sinks of bfloat16": { sinks: { data: Uint16Array.of(0x3f80, 0xc040, 0), shape: [H], dtype: "bfloat16" } },
  segments: { segments: { query: ids(SQ), key: ids(SK) } },
  "block mask": {
    blockMask: createBlockMask((_b, _h, q, k) => q > 63 || k % 3 > 0, { queryLength: SQ, keyLength: SK }),
  },
  slopes: { alibiSlopes: tensor(H), relativeBias: tensor(H, 7) },
};
for (const [name, options] of Object.entries(CASES)) {
  test(name, () => {
    const inputs = inputsOf(tensor(B, H, SQ, 4), tensor(B, H, SK, 4));
    for (let head = 0; head < H; head++) {
      const { weights } = engine.attention(inputs.query, inputs.key, inputs.value, {
        ...options,
        returnWeights: { heads: [head] },
      });
      const map = collectWeights(scoresOnly, inputs, options, head, () => {});
      assert.equal([map.rows, map.columns, map.block], [SQ, SK, [1, 1]]);
      const worst = map.cells.reduce((most, cell, i) => Math.max(most, Math.abs(cell - Number(weights.data[i]))), 0);
      assert.ok(worst < 1e-6, `head ${head}: off by ${worst}`);
    }
  });
}

test("BSHD, rank 2 and one tensor for both", () => {
  const [query, key] = [tensor(B, SQ, H, 4), tensor(B, SK, H, 4)];
  const alone = tensor(SQ, 4);
  for (const [inputs, options, head] of [
    [inputsOf(query, key), { layout: "BSHD", causal: "upper-left" }, 2],
    [inputsOf(alone, alone), { causal: true }, 0],
  ] as const) {
    const { weights } = engine.attention(inputs.query, inputs.key, inputs.key, {
      ...options,
      returnWeights: { heads: [head] },
    });
    const map = collectWeights(scoresOnly, inputs, options, head, () => {});
    for (const [i, cell] of map.cells.entries()) assert.ok(Math.abs(cell - Number(weights.data[i])) < 1e-6);
  }
});

test("many rows come in pieces that tell how far they are; the engine is left as it was", () => {
  const long = tensor(5000, 1);
  const before = engine.info.memory;
  const shares: number[] = [];
  const map = collectWeights(scoresOnly, inputsOf(long, long), { causal: true }, 0, (share) => shares.push(share));
  assert.ok(shares.length >= 3 && shares.every((share, i) => i === 0 || share > shares[i - 1]!), shares.join());
  assert.is(shares.at(-1), 1);
  assert.equal(map.block, [5, 5]);
  for (let y = 0; y < map.rows; y++) {
    const row = map.cells.subarray(y * map.columns, (y + 1) * map.columns);
    assert.ok(Math.abs(row.reduce((sum, cell) => sum + cell * 5, 0) - 1) < 1e-4, `row ${y}`);
  }
  assert.is(engine.info.memory.used, before.used);
});
test.run();
