// The attention weights inside Transformers, as callers see them: names, shapes, values, and what is left when something fails.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type HostTensor, Tensor } from "../src/index.js";
import * as layers from "../src/layers/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertWithin } from "./layers/exact.js";
import { generator, tensor } from "./random.js";

const SIZES = { dModel: 12, nhead: 3, dimFeedforward: 10, batchFirst: true };
const [N, L, S] = [2, 4, 5];

for (const build of BUILDS) {
  const test = suite(`layers: weights inside Transformers (${build})`);
  const engine = guardedEngine(build);
  const random = generator(83);
  const filled = <M extends layers.Module>(module: M): M => {
    const entries = [...module.parameters()].map(([name, { shape }]) => [name, tensor(random, ...shape)] as const);
    layers.loadWeights(module, Object.fromEntries(entries));
    return module;
  };
  type Seen = Map<string, HostTensor & { data: Float32Array }>;
  const watch = () => {
    const seen: Seen = new Map();
    const onWeights = (weights: unknown, name: string) => {
      assert.not.ok(seen.has(name), `${name} came twice`);
      seen.set(name, weights as HostTensor & { data: Float32Array });
    };
    return { seen, onWeights };
  };
  const assertRowsAreWeights = ({ data, shape }: HostTensor<Float32Array>, causal = false) => {
    const [queries, keys] = shape.slice(-2) as [number, number];
    for (let row = 0; row * keys < data.length; row++) {
      const weights = Array.from(data.subarray(row * keys, (row + 1) * keys));
      assert.ok(Math.abs(weights.reduce((a, b) => a + b, 0) - 1) < 1e-5);
      if (causal) assert.ok(weights.every((weight, j) => j <= row % queries || weight === 0));
    }
  };

  test("a Transformer hands over each attention by its name", () => {
    using model = filled(new layers.Transformer(engine, { ...SIZES, numEncoderLayers: 2, numDecoderLayers: 1 }));
    const [src, tgt] = [tensor(random, N, S, 12), tensor(random, N, L, 12)];
    const { seen, onWeights } = watch();
    const output = model.forward(src, tgt, { tgtCausal: true, onWeights });
    assert.equal(output, model.forward(src, tgt, { tgtCausal: true }));
    assert.equal(Object.fromEntries([...seen].map(([name, { shape }]) => [name, shape])), {
      "encoder.layers.0.self_attn": [N, 3, S, S],
      "encoder.layers.1.self_attn": [N, 3, S, S],
      "decoder.layers.0.self_attn": [N, 3, L, L],
      "decoder.layers.0.multihead_attn": [N, 3, L, S],
    });
    for (const [name, weights] of seen) assertRowsAreWeights(weights, name === "decoder.layers.0.self_attn");
  });

  test("what a layer of a stack saw is what multi-head attention gives", () => {
    using layer = filled(new layers.TransformerEncoderLayer(engine, SIZES));
    const x = tensor(random, S, 12);
    const { seen, onWeights } = watch();
    layer.forward(x, { onWeights });
    using attention = new layers.MultiHeadAttention(engine, { embedDim: 12, numHeads: 3, batchFirst: true });
    const own = [...layers.stateDict(layer)].filter(([name]) => name.startsWith("self_attn."));
    layers.loadWeights(attention, new Map(own.map(([name, value]) => [name.slice("self_attn.".length), value])));
    const { weights } = attention.forward(x, x, x, { needWeights: true, averageAttnWeights: false });
    assert.equal(seen.get("self_attn")!.shape, [3, S, S]);
    assert.equal(seen.get("self_attn")!.data, weights!.data);
  });

  test("steps see the rows that the whole sequence sees", () => {
    using decoder = filled(new layers.TransformerDecoder(engine, { ...SIZES, numLayers: 2 }));
    const [tgt, memory] = [tensor(random, L, 12), tensor(random, S, 12)];
    const whole = watch();
    decoder.forward(tgt, memory, { tgtCausal: true, onWeights: whole.onWeights });
    using cache = decoder.cache(memory, { capacity: L });
    for (let step = 0; step < L; step++) {
      const { seen, onWeights } = watch();
      const token = { data: tgt.data.slice(step * 12, (step + 1) * 12), shape: [1, 12] };
      decoder.step(token, cache, { onWeights });
      assert.equal([...seen.keys()].sort(), [...whole.seen.keys()].sort());
      for (const [name, weights] of seen) {
        const keys = name.endsWith("self_attn") ? step + 1 : S;
        assert.equal(weights.shape, [3, 1, keys]);
        const { data, shape } = whole.seen.get(name)!;
        const want = [0, 1, 2].flatMap((h) => {
          const from = (h * L + step) * shape[2]!;
          return Array.from(data.subarray(from, from + keys));
        });
        assertWithin(weights, want, 2e-6, name);
      }
    }
  });

  test("resident in, resident out; nothing is left of what fails", () => {
    using encoder = filled(new layers.TransformerEncoder(engine, { ...SIZES, numLayers: 2 }));
    using x = engine.tensor(tensor(random, N, S, 12));
    const used = engine.info.memory.used;
    const kept: Tensor[] = [];
    encoder.forward(x, { onWeights: (weights) => kept.push(weights as Tensor) }).dispose();
    assert.ok(kept.length === 2 && kept.every((weights) => weights instanceof Tensor));
    for (const weights of kept) weights.dispose();
    assert.is(engine.info.memory.used, used);
    const stop = () => {
      throw new Error("enough");
    };
    assert.throws(() => encoder.forward(x, { onWeights: stop }), /enough/);
    assert.throws(() => encoder.forward(x, { onWeights: 1 as never }), /^onWeights must be a function: got 1/);
    assert.is(engine.info.memory.used, used);

    using decoder = filled(new layers.TransformerDecoder(engine, { ...SIZES, numLayers: 1 }));
    using cache = decoder.cache(x, { capacity: 4 });
    const token = tensor(random, N, 1, 12);
    const first = decoder.step(token, cache);
    cache.truncate(0);
    assert.throws(() => decoder.step(token, cache, { onWeights: stop }), /enough/);
    assert.is(cache.length, 0);
    assert.equal(decoder.step(token, cache), first);
    assert.throws(() => decoder.step(token, cache, { needWeights: true } as never), /needWeights/);
  });

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.run();
}
