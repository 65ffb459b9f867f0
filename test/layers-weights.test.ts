// Weights from files: everything that does not fit is named in one error, and then nothing has changed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeSafetensors } from "../src/formats/safetensors.js";
import type { FileTensor } from "../src/formats/file-tensor.js";
import { loadSync } from "../src/index.js";
import { Embedding, Linear, loadLayers, loadWeights, Module, saveWeights, stateDict } from "../src/layers/index.js";
import { guardedEngine } from "./guarded-memory.js";
import { generator, tensor } from "./random.js";
import { readFileSync } from "node:fs";

const test = suite("layers: weights");
const engine = guardedEngine("simd");
const random = generator(47);
const float32 = (...shape: number[]) => ({ ...tensor(random, ...shape), dtype: "float32" }) as const;
const file = (entries: Record<string, FileTensor>) => writeSafetensors(new Map(Object.entries(entries)));

test("safetensors bytes, a Map, an object, a part of a larger file", () => {
  using layer = new Linear(engine, { inFeatures: 5, outFeatures: 3 });
  const entries = { weight: float32(3, 5), bias: float32(3) };
  loadWeights(layer, file(entries));
  const values = () => Object.fromEntries([...stateDict(layer)].map(([name, { data }]) => [name, data]));
  const want = { weight: entries.weight.data, bias: entries.bias.data };
  assert.equal(values(), want);
  const other = { weight: float32(3, 5), bias: float32(3) };
  loadWeights(layer, new Map(Object.entries(other)));
  assert.equal(values().weight, other.weight.data);
  loadWeights(layer, entries);
  assert.equal(values(), want);
  const model = file({ "head.weight": other.weight, "head.bias": other.bias, "body.weight": float32(2) });
  loadWeights(layer, model, { prefix: "head." });
  assert.equal(values().bias, other.bias.data);
});

test("a model of one's own: its layers by name, saved and loaded again", () => {
  class Model extends Module {
    readonly first = this.child("first", () => new Linear(engine, { inFeatures: 5, outFeatures: 3 }));
    readonly last = this.child("heads.0", () => new Linear(engine, { inFeatures: 3, outFeatures: 2, bias: false }));
  }
  using model = new Model(engine);
  const entries = { "first.weight": float32(3, 5), "first.bias": float32(3), "heads.0.weight": float32(2, 3) };
  assert.throws(() => saveWeights(model), /first\.weight has no values yet/);
  loadWeights(model, entries);
  const bytes = saveWeights(model);
  assert.equal(bytes, file(entries));
  using again = new Model(engine);
  loadWeights(again, bytes);
  assert.equal(stateDict(again), stateDict(model));
});

test("float16, bfloat16 and float64 become float32", () => {
  using layer = new Linear(engine, { inFeatures: 2, outFeatures: 1 });
  loadWeights(
    layer,
    file({
      weight: { data: Uint16Array.of(0x3c00, 0xc000), shape: [1, 2], dtype: "float16" },
      bias: { data: Uint16Array.of(0x3fc0), shape: [1], dtype: "bfloat16" },
    }),
  );
  const state = stateDict(layer);
  assert.equal(state.get("weight")!.data, Float32Array.of(1, -2));
  assert.equal(state.get("bias")!.data, Float32Array.of(1.5));
});

test("what is missing, surplus or wrong is all named, and nothing is written", () => {
  using layer = new Linear(engine, { inFeatures: 5, outFeatures: 3 });
  const entries = { weight: float32(3, 5), bias: float32(3) };
  loadWeights(layer, entries);
  const before = stateDict(layer);
  const used = engine.info.memory.used;
  for (const [source, message] of [
    [{ weight: float32(3, 5) }, "missing: bias"],
    [{ ...entries, scale: float32(1) }, "surplus: scale"],
    [{ ...entries, weight: float32(5, 3) }, "wrong: weight [5, 3] instead of [3, 5]"],
    [{ weight: float32(15), gain: float32(3) }, "missing: bias; surplus: gain; wrong: weight [15] instead of [3, 5]"],
    [{ ...entries, bias: { data: new Int32Array(3), shape: [3] } }, "wrong: bias of int32 instead of floats"],
  ] as const) {
    try {
      loadWeights(layer, source);
      assert.unreachable();
    } catch (error) {
      const { code, message: got } = error as { code: string; message: string };
      assert.is(code, "ERR_WEIGHTS");
      assert.is(got, `the weights do not fit the layer; ${message}`);
    }
    assert.equal(stateDict(layer), before);
    assert.is(engine.info.memory.used, used);
  }
});

test("a damaged file, the wrong kind of source", () => {
  using layer = new Linear(engine, { inFeatures: 5, outFeatures: 3 });
  const bytes = file({ weight: float32(3, 5), bias: float32(3) });
  assert.throws(() => loadWeights(layer, bytes.subarray(0, 40)), /the weights cannot be read: the file is cut short/);
  assert.throws(() => loadWeights(layer, "file" as never), /source must be the bytes of a \.safetensors file/);
  assert.throws(() => loadWeights({} as never, bytes), /module must be a layer/);
  assert.throws(() => loadWeights(layer, bytes, { prefx: "" } as never), /there is no option 'prefx'/);
});

test("a layer that memory has no room for leaves nothing behind", () => {
  const small = loadSync({ maximumMemory: 2 ** 20 });
  const used = small.info.memory.used;
  assert.throws(() => new Linear(small, { inFeatures: 1000, outFeatures: 1000 }), /out of memory/);
  assert.is(small.info.memory.used, used);
  small.close();
});

test("embedding: rows by index, resident too", () => {
  using layer = new Embedding(engine, { numEmbeddings: 7, embeddingDim: 3 });
  const weight = float32(7, 3);
  loadWeights(layer, { weight });
  const indices = { data: BigInt64Array.of(6n, 0n, 6n, 2n), shape: [2, 2] };
  const got = layer.forward(indices);
  assert.equal(got.shape, [2, 2, 3]);
  const want = [6, 0, 6, 2].flatMap((row) => [...weight.data.subarray(row * 3, row * 3 + 3)]);
  assert.equal([...(got.data as unknown as Float32Array)], want);
  using resident = engine.tensor({ data: Int32Array.of(6, 0, 6, 2), shape: [4] });
  using rows = layer.forward(resident);
  assert.equal([...(rows.toHost().data as Float32Array)], want);
  assert.throws(
    () => layer.forward({ data: Int32Array.of(3, 7), shape: [2] }),
    /indices must lie from 0 to 6: element 1 is 7/,
  );
  assert.throws(() => layer.forward(float32(2)), /indices must be int32 or int64: got float32/);
});

test("loadLayers: a module handed over, and the wrong ones refused", async () => {
  const other = loadSync({ build: "simd" });
  const read = (name: string) => readFileSync(`build/${name}.wasm`);
  await loadLayers(other, read("layers-simd"));
  await loadLayers(other);
  for (const [name, message] of [
    ["simd", /module must be this package's layers-simd\.wasm/],
    ["layers-simd-threads", /module must be this package's layers-simd\.wasm/],
  ] as const) {
    await loadLayers(other, read(name)).then(
      () => assert.unreachable(),
      ({ code, message: got }) => {
        assert.is(code, "ERR_MODULE");
        assert.match(got, message);
      },
    );
  }
  other.close();
  assert.throws(() => new Linear(other, { inFeatures: 1, outFeatures: 1 }), /the engine is closed/);
});

test("everything is freed", () => assert.is(engine.info.memory.used, 0));

test.run();
