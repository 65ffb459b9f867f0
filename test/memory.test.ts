// The allocator against a plain model of it, growth and its limits, and what calls leave behind: nothing.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LinearMemory } from "../src/engine/memory.js";
import { type AttentionError, type Engine, type HostTensor, load, loadSync } from "../src/index.js";
import { generator, tensor } from "./random.js";

const test = suite("memory");

test("random allocations never overlap, and all memory comes back", () => {
  const memory = new LinearMemory(64 * 2 ** 20);
  const random = generator(3);
  const live = new Map<number, number>();
  let used = 0;
  let peak = 0;
  for (let step = 0; step < 4000; step++) {
    if (live.size > 0 && random() < 0.48) {
      const address = [...live.keys()][Math.floor(random() * live.size)]!;
      const bytes = live.get(address)!;
      used -= Math.max(64, Math.ceil(bytes / 64) * 64);
      live.delete(address);
      memory.free(address, bytes);
    } else {
      const bytes = Math.floor(random() ** 4 * 200000);
      const address = memory.allocate(bytes);
      assert.is(address % 64, 0);
      assert.ok(address >= 1024);
      for (const [other, size] of live) {
        assert.ok(address + bytes <= other || other + size <= address, "two allocations overlap");
      }
      live.set(address, bytes);
      used += Math.max(64, Math.ceil(bytes / 64) * 64);
      peak = Math.max(peak, used);
    }
    assert.is(memory.info.used, used);
    assert.is(memory.info.peak, peak);
  }
  const [first] = live;
  for (const [address, bytes] of live) memory.free(address, bytes);
  assert.throws(() => memory.free(...first!), /no allocation/);
  assert.is(memory.info.used, 0);
  // One block again: everything reserved can be had at once
  const { reserved } = memory.info;
  memory.allocate(reserved - 1024);
  assert.is(memory.info.reserved, reserved);
});

test("growth stops at maximumMemory with an error that says what was asked for", async () => {
  const engine = await load({ maximumMemory: 2 ** 20 });
  const big = { data: new Float32Array(2 ** 20), shape: [1024, 1024] };
  const { used } = engine.info.memory;
  let thrown: AttentionError | undefined;
  try {
    engine.tensor(big);
  } catch (error) {
    thrown = error as AttentionError;
  }
  assert.instance(thrown, RangeError);
  assert.is(thrown?.code, "ERR_OUT_OF_MEMORY");
  assert.match(thrown!.message, "4194304 bytes");
  assert.match(thrown!.message, "1048576");
  assert.is(engine.info.memory.used, used);
  const x = tensor(generator(1), 10, 8);
  assert.is(engine.attention(x, x, x).output.shape.length, 2, "the engine stays usable");
});

test("a call that runs out half-way frees everything, on both sides", () => {
  const x = tensor(generator(1), 64, 64);
  for (const resident of [false, true]) {
    let failed = 0;
    for (let pages = 1; pages < 8; pages++) {
      const engine = loadSync({ maximumMemory: pages * 65536 });
      try {
        const inputs = resident ? engine.tensor(x) : undefined;
        const { used } = engine.info.memory;
        try {
          if (inputs) engine.attention(inputs, inputs, inputs, { returnWeights: true }).output.dispose();
          else engine.attention(x, x, x, { returnWeights: true });
        } catch (error) {
          failed++;
          assert.is((error as AttentionError).code, "ERR_OUT_OF_MEMORY");
          assert.is(engine.info.memory.used, used);
        }
      } finally {
        engine.close();
      }
    }
    assert.ok(failed > 0 && failed < 7, `${failed} of 7 sizes failed`);
  }
});

test("operations made of others free everything too, wherever they run out", () => {
  const x = tensor(generator(1), 2, 300, 40);
  const w = tensor(generator(1), 500, 40);
  const runs: Record<string, (engine: Engine) => unknown> = {
    pooling: (engine) => engine.attentionPooling(x),
    additive: (engine) => engine.additiveAttention(x, x, x, { queryWeight: w, keyWeight: w, returnWeights: true }),
    linear: (engine) => engine.linear(x, w),
    rotary: (engine) => engine.rotaryEmbedding(x),
  };
  for (const [name, run] of Object.entries(runs)) {
    let failed = 0;
    for (let pages = 1; pages < 80; pages += 6) {
      const engine = loadSync({ maximumMemory: pages * 65536 });
      try {
        run(engine);
      } catch (error) {
        failed++;
        assert.is((error as AttentionError).code, "ERR_OUT_OF_MEMORY", `${name}: ${(error as Error).message}`);
      }
      assert.is(engine.info.memory.used, 0, `${name} with ${pages} pages`);
      engine.close();
    }
    assert.ok(failed > 0 && failed < 14, `${name}: ${failed} of 14 sizes failed`);
  }
});

test("16,384 tokens in a few megabytes", async () => {
  const engine = await load();
  const n = 16384;
  const x = tensor(generator(5), 1, n, 8);
  const tensors = engine.tensor(x);
  const before = engine.info.memory.used;
  engine.attention(tensors, tensors, tensors, { window: [200, 200], returnLse: true });
  const bytes = engine.info.memory.peak - before;
  // The score matrix would take 1 GB
  assert.ok(bytes < n * 8 * 4 + n * 4 + 2 ** 20, `${bytes} bytes beside the input`);
});

test("little memory beside inputs and outputs up to head sizes of 1,024, in every dtype", async () => {
  for (const dtype of ["float32", "float16", "bfloat16"] as const) {
    const engine = await load();
    const shape = [1, 2000, 1024];
    const n = shape.reduce((size, axis) => size * axis);
    const data = dtype === "float32" ? new Float32Array(n) : new Uint16Array(n);
    const x = engine.tensor({ data, shape, dtype } as HostTensor);
    const small = engine.info.memory.used;
    const { output } = engine.attention(x, x, x);
    const bytes = engine.info.memory.peak - small - data.byteLength;
    assert.ok(bytes < 1.2e6, `${dtype}: ${bytes} bytes beside inputs and outputs`);
    output.dispose();
    engine.close();
  }
});

test("host calls leave nothing behind, resident results exactly themselves", () => {
  const engine = loadSync();
  const x = tensor(generator(2), 2, 10, 8);
  for (let i = 0; i < 20; i++) engine.attention(x, x, x, { returnLse: true, returnWeights: { rows: [1] } });
  assert.is(engine.info.memory.used, 0);
  const t = engine.tensor(x);
  const { used } = engine.info.memory;
  assert.is(used, 640);
  const { output, lse } = engine.attention(t, t, t, { returnLse: true });
  assert.is(engine.info.memory.used, used + 640 + 128);
  output.dispose();
  output.dispose();
  lse.dispose();
  assert.is(engine.info.memory.used, used);
});

test("views share memory, which lives as long as one of them", () => {
  const engine = loadSync();
  const t = engine.tensor(tensor(generator(2), 4, 3, 8));
  const view = t.permute([1, 0, 2]).slice(0, 1, 3);
  t.dispose();
  assert.ok(engine.info.memory.used > 0);
  assert.equal(view.shape, [2, 4, 8]);
  const { data } = tensor(generator(2), 4, 3, 8);
  const host = view.toHost().data as Float32Array;
  for (let s = 0; s < 2; s++)
    for (let b = 0; b < 4; b++)
      for (let d = 0; d < 8; d++) {
        assert.is(host[(s * 4 + b) * 8 + d], data[(b * 3 + s + 1) * 8 + d]);
      }
  assert.equal(view.contiguous().reshape([64]).toHost().data, host);
  engine.close();
  assert.throws(
    () => view.toHost(),
    (error: AttentionError) => error.code === "ERR_DISPOSED",
  );
});

test("resident results equal host results bit for bit, and stay when memory grows", () => {
  const engine = loadSync();
  const x = tensor(generator(9), 2, 33, 24);
  const t = engine.tensor(x);
  const { output } = engine.attention(t, t, t, { causal: true });
  engine.tensor({ data: new Float32Array(2 ** 20), shape: [2 ** 20] });
  assert.equal(output.toHost().data, engine.attention(x, x, x, { causal: true }).output.data);
});

test("Symbol.dispose", () => {
  const engine = loadSync();
  const t = engine.tensor(tensor(generator(2), 4, 8));
  t[Symbol.dispose]();
  assert.is(engine.info.memory.used, 0);
  assert.ok(t.disposed);
  engine[Symbol.dispose]();
  assert.throws(
    () => engine.info,
    (error: AttentionError) => error.code === "ERR_CLOSED",
  );
});

test.run();
