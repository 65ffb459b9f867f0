// The packed product against float64 at the edges of every tile and block, between guard bytes and over poison.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../src/index.js";
import { Linear, loadWeights, matmul, relu, stateDict } from "../src/layers/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { loadSync } from "../src/index.js";
import { assertWithin, product } from "./layers/exact.js";
import { generator, tensor } from "./random.js";

/** Tiles have 4 or 6 rows and 8 or 32 columns, blocks 96 rows, 256 of the depth and 512 columns. */
const ROWS = [1, 2, 3, 4, 5, 6, 7, 11, 13, 96, 97, 101];
const COLUMNS = [1, 3, 7, 8, 9, 31, 33, 67];
const DEPTHS = [1, 2, 3, 5, 8, 33];
/** Rounding of a float32 sum, with room to spare. */
const EPSILON = 2e-6;

for (const build of BUILDS) {
  const test = suite(`layers: products (${build})`);
  const engine = guardedEngine(build);
  const random = generator(41);
  const empty = () => assert.is(engine.info.memory.used, 0);

  const linear = (rows: number, depth: number, columns: number, bias = true) => {
    const x = tensor(random, rows, depth);
    const weight = tensor(random, columns, depth);
    const offsets = tensor(random, columns);
    const layer = new Linear(engine, { inFeatures: depth, outFeatures: columns, bias });
    loadWeights(layer, { weight, ...(bias && { bias: offsets }) });
    const got = layer.forward(x);
    assert.equal(got.shape, [rows, columns]);
    const { data, size } = product(x.data, weight.data, rows, depth, columns, true);
    const want = data.map((y, i) => y + (bias ? offsets.data[i % columns]! : 0));
    assertWithin(got, want, (i) => EPSILON * (size[i]! + 1), `${rows}x${depth}x${columns}`);
    assert.equal(stateDict(layer).get("weight"), weight);
    layer.dispose();
    empty();
  };

  test("linear at the edges of tiles", () => {
    for (const rows of ROWS) for (const columns of COLUMNS) for (const depth of DEPTHS) linear(rows, depth, columns);
  });

  test("linear at the edges of blocks", () => {
    for (const [rows, depth, columns] of [
      [7, 255, 9],
      [7, 256, 9],
      [7, 257, 9],
      [3, 513, 5],
      [2, 3, 511],
      [2, 3, 513],
      [193, 17, 521],
      [97, 300, 530],
    ] as const) {
      linear(rows, depth, columns);
    }
    linear(5, 9, 11, false);
  });

  test("matmul of batches, and with one right side for all", () => {
    for (const [M, K, N] of [
      [1, 1, 1],
      [5, 7, 9],
      [13, 33, 17],
      [6, 257, 40],
    ] as const) {
      const a = tensor(random, 3, M, K);
      const b = tensor(random, 3, K, N);
      const got = matmul(engine, a, b);
      assert.equal(got.shape, [3, M, N]);
      for (let i = 0; i < 3; i++) {
        const { data, size } = product(a.data.subarray(i * M * K), b.data.subarray(i * K * N), M, K, N);
        const item = { data: (got.data as Float32Array).subarray(i * M * N, (i + 1) * M * N), shape: [M, N] };
        assertWithin(item, data, (j) => EPSILON * (size[j]! + 1));
      }
      const one = { data: b.data.slice(0, K * N), shape: [K, N] };
      const { data, size } = product(a.data, one.data, 3 * M, K, N);
      assertWithin(matmul(engine, a, one), data, (j) => EPSILON * (size[j]! + 1));
    }
    empty();
  });

  test("resident tensors: the same bits, views too, and nothing left", () => {
    const layer = new Linear(engine, { inFeatures: 19, outFeatures: 21 });
    loadWeights(layer, { weight: tensor(random, 21, 19), bias: tensor(random, 21) });
    const x = tensor(random, 4, 6, 19);
    const used = engine.info.memory.used;
    const want = layer.forward(x);
    const resident = engine.tensor(x);
    const got = layer.forward(resident);
    assert.equal(got.toHost(), { ...want, dtype: "float32" });
    // Axes swapped: rows that lie unevenly
    const swapped = resident.permute([1, 0, 2]);
    const turned = layer.forward(swapped);
    const back = turned.permute([1, 0, 2]);
    assert.equal(back.toHost().data, want.data);
    // Every other row
    const slice = resident.select(1, 3);
    const rows = layer.forward(slice);
    const picked = rows.toHost().data as Float32Array;
    assert.equal(picked.subarray(0, 21), (want.data as Float32Array).subarray(3 * 21, 4 * 21));
    for (const used of [resident, got, swapped, turned, back, slice, rows]) used.dispose();
    assert.is(engine.info.memory.used, used);
    layer.dispose();
  });

  test("a slice of a slice is still freed, empty tensors pass through", () => {
    const layer = new Linear(engine, { inFeatures: 3, outFeatures: 2 });
    loadWeights(layer, { weight: tensor(random, 2, 3), bias: tensor(random, 2) });
    assert.equal(layer.forward({ data: new Float32Array(0), shape: [0, 3] }).shape, [0, 2]);
    assert.equal(relu(engine, { data: new Float32Array(0), shape: [2, 0] }).shape, [2, 0]);
    layer.dispose();
  });

  test("a depth of 0 gives zeros, whatever was in its scratch memory", () => {
    const used = loadSync({ build });
    const ones = (...shape: [number, number]) => ({ data: new Float32Array(shape[0] * shape[1]).fill(1), shape });
    for (let n = 8; n < 128; n *= 2) matmul(used, ones(n, n), ones(n, n));
    for (let n = 1; n < 14; n++) assert.equal(matmul(used, ones(n, 0), ones(0, 9)).data, new Float32Array(n * 9));
    used.close();
  });

  test("float16 in, float16 out", () => {
    const layer = new Linear(engine, { inFeatures: 2, outFeatures: 1, bias: false });
    loadWeights(layer, { weight: { data: Float32Array.of(2, 3), shape: [1, 2] } });
    // 1 and 0.5
    const x: HostTensor = { data: Uint16Array.of(0x3c00, 0x3800), shape: [1, 2], dtype: "float16" };
    assert.equal(layer.forward(x), { data: Uint16Array.of(0x4300), shape: [1, 1], dtype: "float16" });
    layer.dispose();
    empty();
  });

  test("wrong shapes are named, nothing is left behind", () => {
    const layer = new Linear(engine, { inFeatures: 3, outFeatures: 2 });
    const x = tensor(random, 2, 3);
    assert.throws(() => layer.forward(x), /weight has no values yet: call loadWeights first/);
    loadWeights(layer, { weight: tensor(random, 2, 3), bias: tensor(random, 2) });
    assert.throws(() => layer.forward(tensor(random, 2, 4)), /x\.shape must end in 3: got \[2, 4\]/);
    assert.throws(
      () => matmul(engine, x, tensor(random, 2, 3)),
      /b\.shape\[0\] must equal a\.shape\[1\]: expected 3, got 2/,
    );
    assert.throws(
      () => matmul(engine, tensor(random, 2, 2, 3), tensor(random, 3, 3, 2)),
      /b\.shape must start with \[2\]/,
    );
    assert.throws(() => new Linear(engine, { inFeatures: 0, outFeatures: 2 }), /inFeatures must be an integer from 1/);
    assert.throws(() => new Linear({} as typeof engine, { inFeatures: 1, outFeatures: 2 }), /engine must be an Engine/);
    layer.dispose();
    assert.throws(() => layer.forward(x), /the layer was disposed of/);
    empty();
  });

  test.after(() => engine.close());
  test.run();
}
