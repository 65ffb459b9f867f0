// Recurrent networks against their equations in float64: sizes that fill vectors and do not, lengths, both directions.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Engine, HostTensor } from "../src/index.js";
import { GRU, LSTM, loadWeights, type LSTMResult, RNN, type RecurrentOptions } from "../src/layers/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertWithin } from "./layers/exact.js";
import { type Cell, GATES, runCell, type Weights } from "./layers/recurrent.js";
import { generator, tensor } from "./random.js";

const make = (engine: Engine, cell: Cell, options: RecurrentOptions) => {
  if (cell === "gru") return new GRU(engine, options);
  if (cell === "lstm") return new LSTM(engine, options);
  return new RNN(engine, { ...options, nonlinearity: cell === "relu" ? "relu" : "tanh" });
};

for (const build of BUILDS) {
  const test = suite(`layers: recurrent (${build})`);
  const engine = guardedEngine(build);
  const random = generator(59);
  const scaled = (...shape: number[]) => {
    const all = tensor(random, ...shape);
    for (let i = 0; i < all.data.length; i++) all.data[i]! *= 0.4;
    return all;
  };

  for (const cell of ["rnn", "relu", "gru", "lstm"] as const) {
    for (const [I, H] of [
      [1, 1],
      [3, 4],
      [5, 7],
      [4, 13],
    ] as const) {
      test(`${cell} of ${I} features and ${H} units: two layers, both directions, lengths`, () => {
        const [T, B] = [6, 3];
        const lengths = [6, 2, 0];
        const layer = make(engine, cell, {
          inputSize: I,
          hiddenSize: H,
          numLayers: 2,
          bidirectional: true,
          batchFirst: true,
        });
        const weights: Weights = Object.fromEntries(
          [...layer.parameters()].map(([name, { shape }]) => [name, scaled(...shape)]),
        );
        loadWeights(layer, weights);
        assert.equal(weights.weight_ih_l1_reverse!.shape, [GATES[cell] * H, 2 * H]);
        const x = tensor(random, B, T, I);
        const h0 = tensor(random, 4, B, H);
        const c0 = tensor(random, 4, B, H);
        const inputs = { h0, lengths, ...(cell === "lstm" && { c0 }) };
        const got = layer.forward(x, inputs) as LSTMResult<HostTensor>;
        const want = {
          output: new Float64Array(B * T * 2 * H),
          hN: new Float64Array(4 * B * H),
          cN: new Float64Array(4 * B * H),
        };
        for (let b = 0; b < B; b++) {
          let sequence = Array.from({ length: lengths[b]! }, (_, t) => [
            ...x.data.subarray((b * T + t) * I, (b * T + t + 1) * I),
          ]);
          for (let l = 0; l < 2; l++) {
            const ways = ["", "_reverse"].map((way, d) => {
              const at = ((l * 2 + d) * B + b) * H;
              const start = (state: typeof h0) => [...state.data.subarray(at, at + H)];
              const result = runCell(cell, sequence, weights, `l${l}${way}`, H, start(h0), start(c0), d === 1);
              want.hN.set(result.h, at);
              want.cN.set(result.c, at);
              return result.outputs;
            });
            sequence = sequence.map((_, t) => [...ways[0]![t]!, ...ways[1]![t]!]);
          }
          for (const [t, row] of sequence.entries()) want.output.set(row, (b * T + t) * 2 * H);
        }
        assert.equal(got.output.shape, [B, T, 2 * H]);
        assertWithin(got.output, want.output, (i) => 1e-5 * (1 + Math.abs(want.output[i]!)));
        assertWithin(got.hN, want.hN, (i) => 1e-5 * (1 + Math.abs(want.hN[i]!)));
        if (cell === "lstm") assertWithin(got.cN, want.cN, (i) => 1e-5 * (1 + Math.abs(want.cN[i]!)));
        layer.dispose();
      });
    }
  }

  test("sequences first, one sequence without a batch, resident: the same bits", () => {
    const options = { inputSize: 3, hiddenSize: 5 };
    const layers = [new LSTM(engine, options), new LSTM(engine, { ...options, batchFirst: true })] as const;
    const weights = Object.fromEntries(
      [...layers[0].parameters()].map(([name, { shape }]) => [name, scaled(...shape)]),
    );
    for (const layer of layers) loadWeights(layer, weights);
    const x = tensor(random, 4, 1, 3);
    const want = layers[0].forward(x);
    const same = { ...x, shape: [1, 4, 3] };
    assert.equal(layers[1].forward(same).output.data, want.output.data);
    const single = layers[0].forward({ ...x, shape: [4, 3] });
    assert.equal(
      [single.output.shape, single.hN.shape, single.cN.shape],
      [
        [4, 5],
        [1, 5],
        [1, 5],
      ],
    );
    assert.equal(single.output.data, want.output.data);
    using resident = engine.tensor(x);
    const got = layers[0].forward(resident);
    for (const name of ["output", "hN", "cN"] as const) {
      assert.equal(got[name].toHost().data, want[name].data);
      got[name].dispose();
    }
    for (const layer of layers) layer.dispose();
  });

  test("what cannot be is named", () => {
    using layer = new GRU(engine, { inputSize: 3, hiddenSize: 5 });
    loadWeights(layer, Object.fromEntries([...layer.parameters()].map(([n, { shape }]) => [n, scaled(...shape)])));
    const x = tensor(random, 4, 2, 3);
    assert.throws(() => layer.forward(tensor(random, 4, 2, 4)), /x\.shape must be \[T, B, 3\] or \[T, 3\]/);
    assert.throws(
      () => layer.forward(x, { lengths: [1] }),
      /lengths must have one entry per sequence: expected 2, got 1/,
    );
    assert.throws(() => layer.forward(x, { lengths: [1, 5] }), /lengths\[1\] must be an integer from 0 to 4: got 5/);
    assert.throws(() => layer.forward(x, { h0: tensor(random, 2, 2, 5) }), /h0\.shape must be \[1, 2, 5\]/);
    assert.throws(() => layer.forward(x, { c0: x } as never), /there is no option 'c0'/);
    assert.throws(
      () => new LSTM(engine, { inputSize: 1, hiddenSize: 2, projSize: 2 }),
      /projSize must be an integer from 0 to 1/,
    );
  });

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}
