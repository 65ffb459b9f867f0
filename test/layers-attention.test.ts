// Attention layers beyond what the conformance cases hold: Keras's additions, grouped heads, norms of queries and keys,
// masks by name, caches, and stacks that are the layers they are made of.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../src/index.js";
import * as layers from "../src/layers/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertWithin } from "./layers/exact.js";
import { multiHead, nested, type Plan } from "./layers/multi-head.js";
import { generator, tensor } from "./random.js";

const bool = (shape: number[], f: (i: number) => boolean): HostTensor => ({
  data: Uint8Array.from({ length: shape.reduce((n, size) => n * size) }, (_, i) => Number(f(i))),
  shape,
});

/** The layer's options and what the oracle makes of them. */
const VARIANTS: Record<string, [Partial<layers.MultiHeadAttentionOptions>, Partial<Plan>]> = {
  plain: [{}, {}],
  "one product of three, heads of 8": [{ embedDim: 16 }, {}],
  "without bias": [{ bias: false }, {}],
  "grouped heads": [{ numKvHeads: 2 }, { kvHeads: 2 }],
  "one head of keys, other widths": [{ numKvHeads: 1, kdim: 5, vdim: 7 }, { kvHeads: 1 }],
  "RMS norm of queries and keys": [{ qkNorm: "rms" }, { norm: "rms" }],
  "layer norm of queries and keys, grouped": [
    { qkNorm: "layer", numKvHeads: 2 },
    { norm: "layer", kvHeads: 2 },
  ],
  rotary: [{ rotary: true, embedDim: 24 }, { rotary: true }],
  "learned scale": [{ learnedScale: true }, {}],
  concat: [{ scoreMode: "concat" }, { concat: true }],
  "concat with scale": [
    { scoreMode: "concat", learnedScale: true, numKvHeads: 2 },
    { concat: true, kvHeads: 2 },
  ],
  gate: [{ gate: true }, { gate: true }],
  everything: [
    { gate: true, qkNorm: "rms", rotary: true, learnedScale: true, numKvHeads: 2, embedDim: 24 },
    { gate: true, norm: "rms", rotary: true, kvHeads: 2 },
  ],
};

for (const build of BUILDS) {
  const test = suite(`layers: attention (${build})`);
  const engine = guardedEngine(build);
  const random = generator(61);
  const filled = <M extends layers.Module>(layer: M) => {
    const weights = Object.fromEntries(
      [...layer.parameters()].map(([name, { shape }]) => [name, tensor(random, ...shape)]),
    );
    for (const { data } of Object.values(weights)) for (let i = 0; i < data.length; i++) data[i]! *= 0.4;
    layers.loadWeights(layer, weights);
    return weights;
  };
  const swapped = (x: HostTensor): HostTensor => {
    using resident = engine.tensor(x);
    using view = resident.permute([1, 0, 2]);
    return view.toHost();
  };
  const [N, L, S] = [2, 5, 7];

  for (const [name, [options, plan]] of Object.entries(VARIANTS)) {
    test(name, () => {
      const all = { embedDim: 20, numHeads: 4, ...options };
      const { embedDim: E, kdim = E, vdim = E } = all as layers.MultiHeadAttentionOptions;
      const layer = new layers.MultiHeadAttention(engine, { ...all, batchFirst: true });
      const weights = filled(layer);
      const inputs = [tensor(random, N, L, E), tensor(random, N, S, kdim), tensor(random, N, S, vdim)] as const;
      const [q, k, v] = inputs.map(nested) as [number[][][], number[][][], number[][][]];
      const want = multiHead(q, k, v, weights, { heads: 4, kvHeads: 4, ...plan });
      const got = layer.forward(...inputs, { needWeights: true, averageAttnWeights: false });
      assert.equal(got.output.shape, [N, L, E]);
      assert.equal(got.weights!.shape, [N, 4, L, S]);
      assertWithin(got.output, want.output, 2e-5, "output");
      assertWithin(got.weights!, want.weights, 1e-5, "weight");

      const mean = layer.forward(...inputs, { needWeights: true }).weights!;
      const averaged = Array.from({ length: N * L * S }, (_, i) => {
        const [n, rest] = [Math.floor(i / (L * S)), i % (L * S)];
        return [0, 1, 2, 3].reduce((sum, h) => sum + want.weights[(n * 4 + h) * L * S + rest]! / 4, 0);
      });
      assertWithin(mean, averaged, 1e-5, "mean weight");

      const first = new layers.MultiHeadAttention(engine, all);
      layers.loadWeights(first, weights);
      const [a, b, c] = inputs.map(swapped) as [HostTensor, HostTensor, HostTensor];
      assert.equal(swapped(first.forward(a, b, c).output).data, got.output.data, "sequences first");

      const tensors = inputs.map((x) => engine.tensor(x));
      const resident = layer.forward(tensors[0]!, tensors[1]!, tensors[2]!, { needWeights: true });
      assert.equal(resident.output.toHost().data, got.output.data, "resident");
      assert.equal(resident.weights!.toHost().data, mean.data, "resident weights");
      for (const one of [...tensors, resident.output, resident.weights!, layer, first]) one.dispose();
      assert.is(engine.info.memory.used, 0);
    });
  }

  test("self-attention in one product is self-attention in three", () => {
    using layer = new layers.MultiHeadAttention(engine, { embedDim: 16, numHeads: 2 });
    filled(layer);
    const x = tensor(random, L, N, 16);
    const copy = { ...x, data: x.data.slice() };
    assert.equal(layer.forward(x, x, x).output.data, layer.forward(x, copy, copy).output.data);
  });

  test("masks by name: hidden, attend, padding, Keras's; rows that see nothing give the bias", () => {
    using layer = new layers.MultiHeadAttention(engine, { embedDim: 12, numHeads: 2, batchFirst: true });
    const weights = filled(layer);
    const [x, y] = [tensor(random, N, L, 12), tensor(random, N, S, 12)];
    const [q, k] = [nested(x), nested(y)];
    const pair = (i: number) => (i * 7) % 5 < 2;
    const padding = (i: number) => i % S > 4 || i === 1;
    const row = (i: number) => i % L !== 3;
    const oracle = (sees: NonNullable<Plan["sees"]>) => multiHead(q, k, k, weights, { heads: 2, kvHeads: 2, sees });
    const check = (inputs: layers.MultiHeadAttentionInputs, sees: NonNullable<Plan["sees"]>) => {
      const want = oracle(sees);
      const got = layer.forward(x, y, y, { ...inputs, needWeights: true, averageAttnWeights: false });
      assertWithin(got.output, want.output, 2e-5);
      assertWithin(got.weights!, want.weights, 1e-5);
    };
    const hidden = bool([L, S], pair);
    const seen = (l: number, s: number) => !pair(l * S + s);
    check({ attnMask: { hidden } }, (_, l, s) => seen(l, s));
    check({ attnMask: { attend: bool([L, S], (i) => !pair(i)) } }, (_, l, s) => seen(l, s));
    const keyPaddingMask = bool([N, S], padding);
    check({ keyPaddingMask }, (n, _, s) => !padding(n * S + s));
    check({ keyPaddingMask, attnMask: { hidden } }, (n, l, s) => seen(l, s) && !padding(n * S + s));
    check({ queryMask: bool([N, L], row) }, (n, l) => row(n * L + l));
    const [keyMask, valueMask] = [bool([N, S], (i) => !padding(i)), bool([N, S], (i) => i % 3 !== 0)];
    check({ keyMask, valueMask }, (n, _, s) => !padding(n * S + s) && (n * S + s) % 3 !== 0);
    const perHead = bool([N * 2, L, S], () => false);
    check({ attnMask: { hidden: perHead } }, () => true);
    check({ causal: "upper-left" }, (_, l, s) => s <= l);

    const blind = layer.forward(x, y, y, { queryMask: bool([N, L], () => false) }).output.data as Float32Array;
    assert.equal(blind.subarray(0, 12), weights["out_proj.bias"]!.data);
    for (const [inputs, message] of [
      [
        { attnMask: hidden },
        /attnMask of booleans must say what true means: attnMask: \{ hidden: mask \} as in PyTorch/,
      ],
      [{ attnMask: { attend: bool([S, L], pair) } }, /attnMask\.shape must be \[5, 7\] or \[4, 5, 7\]: got \[7, 5\]/],
      [{ keyPaddingMask: bool([S], pair) }, /keyPaddingMask\.shape must be \[2, 7\]: got \[7\]/],
      [{ attnMask: { mask: hidden } }, /attnMask must be a tensor, \{ hidden \} or \{ attend \}/],
      [{ needWeight: true }, /there is no option 'needWeight'/],
    ] as const) {
      assert.throws(() => layer.forward(x, y, y, inputs as never), message);
    }
  });

  test("what cannot be is named", () => {
    const make = (options: object) => () =>
      new layers.MultiHeadAttention(engine, { embedDim: 12, numHeads: 4, ...options }).dispose();
    assert.throws(make({ numHeads: 5 }), /numHeads must divide embedDim: got 5 and 12/);
    assert.throws(make({ numKvHeads: 3 }), /numKvHeads must divide numHeads: got 3 and 4/);
    using layer = new layers.MultiHeadAttention(engine, { embedDim: 12, numHeads: 4, addZeroAttn: true });
    filled(layer);
    const x = tensor(random, L, N, 12);
    assert.throws(() => layer.forward(x, x, x, { causal: true }), /causal does not go together with addBiasKv/);
    assert.throws(
      () => layer.forward(x, tensor(random, S, 3, 12), x),
      /key\.shape\[1\] must equal query\.shape\[1\]: expected 2, got 3/,
    );
    assert.throws(
      () => layer.forward(x, tensor(random, S, N, 12), x),
      /value\.shape\[0\] must equal key\.shape\[0\]: expected 7, got 5/,
    );
    assert.throws(() => layer.forward(tensor(random, L, N, 13), x, x), /query\.shape must be \[L, N, 12\]/);
  });

  test("new tokens over a cache give what the whole sequence gives", () => {
    for (const options of [{}, { numKvHeads: 1, qkNorm: "rms" as const, rotary: true }]) {
      using layer = new layers.MultiHeadAttention(engine, { embedDim: 16, numHeads: 2, batchFirst: true, ...options });
      filled(layer);
      const x = tensor(random, N, 6, 16);
      const whole = layer.forward(x, x, x, { causal: true }).output.data as Float32Array;
      using cache = engine.kvCache({ batch: N, kvHeads: layer.numKvHeads, headDim: 8, capacity: 6 });
      for (const [from, to] of [
        [0, 3],
        [3, 4],
        [4, 6],
      ] as const) {
        using resident = engine.tensor(x);
        using part = resident.slice(1, from, to);
        const host = part.toHost();
        const got = layer.forward(host, host, host, { cache }).output.data as Float32Array;
        for (let n = 0; n < N; n++) {
          const rows = got.subarray(n * (to - from) * 16, (n + 1) * (to - from) * 16);
          const want = whole.subarray((n * 6 + from) * 16, (n * 6 + to) * 16);
          assertWithin({ data: rows, shape: [rows.length] }, want, 1e-5);
        }
      }
      assert.equal(cache.lengths, [6, 6]);
      const more = tensor(random, N, 1, 16);
      assert.throws(() => layer.forward(more, more, more, { cache }), /the cache is full/);
      assert.equal(cache.lengths, [6, 6]);
      assert.throws(() => layer.forward(x, { ...x }, x, { cache }), /must be the same tensor/);
      assert.throws(
        () => layer.forward(x, x, x, { cache, needWeights: true }),
        /needWeights does not go together with cache/,
      );
    }
  });

  const transformer = { dModel: 16, nhead: 2, dimFeedforward: 20, activation: "gelu" as const, batchFirst: true };

  test("a Transformer is its encoder and decoder, a stack its layers and a norm", () => {
    using whole = new layers.Transformer(engine, {
      ...transformer,
      numEncoderLayers: 2,
      numDecoderLayers: 2,
      normFirst: true,
    });
    const weights = filled(whole);
    const part = (prefix: string) => ({ prefix }) as const;
    const source = new Map(Object.entries(weights));
    const [src, tgt] = [tensor(random, N, S, 16), tensor(random, N, L, 16)];
    const padding = bool([N, S], (i) => i % S === 6);
    const want = whole.forward(src, tgt, {
      srcKeyPaddingMask: padding,
      memoryKeyPaddingMask: padding,
      tgtCausal: true,
    });

    const own = { ...transformer, normFirst: true };
    let x: HostTensor = src;
    for (const i of [0, 1]) {
      using layer = new layers.TransformerEncoderLayer(engine, own);
      layers.loadWeights(layer, source, part(`encoder.layers.${i}.`));
      x = layer.forward(x, { srcKeyPaddingMask: padding });
    }
    using norm = new layers.LayerNorm(engine, { normalizedShape: 16 });
    layers.loadWeights(norm, source, part("encoder.norm."));
    const memory = norm.forward(x);
    x = tgt;
    for (const i of [0, 1]) {
      using layer = new layers.TransformerDecoderLayer(engine, own);
      layers.loadWeights(layer, source, part(`decoder.layers.${i}.`));
      x = layer.forward(x, memory, { memoryKeyPaddingMask: padding, tgtCausal: true });
    }
    layers.loadWeights(norm, source, part("decoder.norm."));
    assert.equal(norm.forward(x).data, want.data);
  });

  test("decoding by steps gives what the decoder gives at once, and a failed step changes nothing", () => {
    for (const normFirst of [false, true]) {
      for (const extra of [{}, { rotary: true, numKvHeads: 1 }]) {
        using decoder = new layers.TransformerDecoder(engine, {
          ...transformer,
          ...extra,
          normFirst,
          numLayers: 2,
          norm: true,
        });
        filled(decoder);
        const [memory, tgt] = [tensor(random, N, S, 16), tensor(random, N, 6, 16)];
        const memoryKeyPaddingMask = bool([N, S], (i) => i === 6);
        const whole = decoder.forward(tgt, memory, { tgtCausal: true, memoryKeyPaddingMask }).data as Float32Array;
        using cache = decoder.cache(memory, { capacity: 6, memoryKeyPaddingMask });
        using resident = engine.tensor(tgt);
        for (const [from, to] of [
          [0, 2],
          [2, 3],
          [3, 6],
        ] as const) {
          using part = resident.slice(1, from, to);
          using got = decoder.step(part, cache);
          const rows = got.toHost().data as Float32Array;
          for (let n = 0; n < N; n++) {
            const size = (to - from) * 16;
            const mine = { data: rows.subarray(n * size, (n + 1) * size), shape: [size] };
            assertWithin(mine, whole.subarray((n * 6 + from) * 16, (n * 6 + to) * 16), 2e-5);
          }
          assert.is(cache.length, to);
        }
        const used = engine.info.memory.used;
        assert.throws(() => decoder.step(tensor(random, N, 1, 16), cache), /the cache is full/);
        assert.is(cache.length, 6);
        assert.is(engine.info.memory.used, used);
        cache.truncate(3);
        const again = decoder.step(tensor(random, N, 1, 16), cache);
        assert.equal(again.shape, [N, 1, 16]);
        assert.is(cache.length, 4);
        assert.throws(() => decoder.step(tensor(random, 3, 1, 16), cache), /must have the batch of memory, 2: got 3/);
        assert.throws(() => decoder.step(tgt, {} as never), /cache must be from decoder\.cache/);
      }
    }
  });

  test("names of parameters are PyTorch's", () => {
    using layer = new layers.TransformerDecoderLayer(engine, transformer);
    const names = ["self_attn", "multihead_attn"].flatMap((name) =>
      ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"].map((end) => `${name}.${end}`),
    );
    for (const name of ["linear1", "linear2", "norm1", "norm2", "norm3"]) names.push(`${name}.weight`, `${name}.bias`);
    assert.equal([...layer.parameters().keys()].sort(), names.sort());
  });

  test("pooling with a learned query", () => {
    for (const score of ["tanh", "dot"] as const) {
      using layer = new layers.AttentionPooling(engine, {
        inputDim: 5,
        score,
        ...(score === "tanh" && { attentionDim: 3 }),
      });
      const w = filled(layer);
      const x = tensor(random, N, L, 5);
      const want = { context: [] as number[], weights: [] as number[] };
      for (const rows of nested(x)) {
        const scores = rows.map((row) => {
          if (score === "dot") return row.reduce((sum, v, i) => sum + v * w["u.weight"]!.data[i]!, 0);
          return [0, 1, 2].reduce((sum, a) => {
            const inner = row.reduce((s, v, i) => s + v * w["W.weight"]!.data[a * 5 + i]!, w["W.bias"]!.data[a]!);
            return sum + Math.tanh(inner) * w["u.weight"]!.data[a]!;
          }, 0);
        });
        const total = scores.reduce((sum, s) => sum + Math.exp(s), 0);
        const weights = scores.map((s) => Math.exp(s) / total);
        want.weights.push(...weights);
        want.context.push(...rows[0]!.map((_, d) => rows.reduce((sum, row, i) => sum + weights[i]! * row[d]!, 0)));
      }
      const { context, weights } = layer.forward(x, { returnWeights: true });
      assert.equal(
        [context.shape, weights!.shape],
        [
          [N, 5],
          [N, L],
        ],
      );
      assertWithin(context, want.context, 1e-5);
      assertWithin(weights!, want.weights, 1e-5);
      const one = layer.forward({ data: x.data.subarray(0, L * 5), shape: [L, 5] });
      assert.equal(one.context.shape, [5]);
      assertWithin(one.context, want.context.slice(0, 5), 1e-5);
    }
  });

  test("sinusoidal positions and T5's relative bias", () => {
    const { data, shape } = layers.sinusoidalPositions(7, 5, { offset: 3 });
    assert.equal(shape, [7, 5]);
    data.forEach((got, at) => {
      const [p, i] = [3 + Math.floor(at / 5), at % 5];
      const angle = p * 10000 ** (-(i - (i % 2)) / 5);
      assert.ok(Math.abs(got - (i % 2 ? Math.cos(angle) : Math.sin(angle))) < 1e-7);
    });
    using bias = new layers.RelativeBias(engine, { numHeads: 2, numBuckets: 8, maxDistance: 16 });
    const { "relative_attention_bias.weight": table } = filled(bias);
    using layer = new layers.MultiHeadAttention(engine, { embedDim: 8, numHeads: 2 });
    filled(layer);
    const x = tensor(random, L, N, 8);
    const got = layer.forward(x, x, x, { relativeBias: bias.relativeBias });
    const want = layer.forward(x, x, x, { relativeBias: { table: table!, bidirectional: true, maxDistance: 16 } });
    assert.equal(got.output.data, want.output.data);
  });

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}
