// Threads: the same bits for every count, also under stress; workers that die or never start; an end that is an end.
import { execFileSync } from "node:child_process";
import { Worker as NodeWorker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { jobQueue, WORKER_IDLE } from "../src/engine/abi.generated.js";
import { type AttentionOptions, type HostTensor, loadSync as loadSingle } from "../src/index.js";
import { load, loadSync } from "../src/threads.js";
import { BUILDS } from "./builds.js";
import { generator, tensor } from "./random.js";

const test = suite("threads");
const LARGE = [2, 4, 300, 32] as const;

for (const build of BUILDS) {
  test(`${build}: the same bits with 1, 2, 3 and 5 threads`, async () => {
    const single = loadSingle({ build });
    const random = generator(4);
    const [q, k, v] = [0, 1, 2].map(() => tensor(random, ...LARGE)) as [HostTensor, HostTensor, HostTensor];
    const options: AttentionOptions[] = [
      {},
      { causal: true, returnLse: true },
      { window: [30, 10], similarity: "cosine", returnWeights: { rows: [0, 7, 299], heads: [1, 3] } },
      { softcap: 5, alibiSlopes: tensor(random, 4), returnWeights: true },
    ];
    const want = options.map((option) => single.attention(q, k, v, option));
    for (const threads of [2, 3, 5]) {
      const engine = await load({ build, threads });
      assert.is(engine.info.threads, threads);
      assert.equal(engine.info.reasons, {});
      for (const [i, option] of options.entries()) assert.equal(engine.attention(q, k, v, option), want[i]);
      assert.is(engine.info.threads, threads, "workers are still there");
      engine.close();
    }
  });
}

test("thousands of random calls, small and large, against the bits of one thread", async () => {
  const engine = await load({ threads: 3 });
  const single = loadSingle({ build: engine.info.build });
  const random = generator(8);
  const { used } = engine.info.memory;
  for (let call = 0; call < 3000; call++) {
    const size = (most: number) => 1 + Math.floor(random() ** 3 * most);
    const [heads, queries, keys, dim] = [size(6), size(260), size(260), size(40)];
    const q = tensor(random, heads, queries, dim);
    const k = tensor(random, heads, keys, dim);
    const v = tensor(random, heads, keys, size(20));
    const option: AttentionOptions = random() < 0.3 ? { causal: "lower-right" } : {};
    const got = engine.attention(q, k, v, option).output.data as Float32Array;
    const want = single.attention(q, k, v, option).output.data as Float32Array;
    for (let i = 0; i < want.length; i++) {
      if (!Object.is(got[i], want[i])) assert.is(got[i], want[i], `call ${call}, element ${i}`);
    }
  }
  assert.is(engine.info.memory.used, used);
  assert.is(engine.info.threads, 3);
  engine.close();
});

test("workers do take tiles", async () => {
  let job: { memory?: WebAssembly.Memory; queue?: number } = {};
  const factory = () => {
    const program = `const { workerData: { module, memory, queue, index } } = require("node:worker_threads");
      new WebAssembly.Instance(module, { env: { memory } }).exports.work(queue, index);`;
    let worker: NodeWorker | undefined;
    return {
      postMessage(message: typeof job) {
        job = message;
        worker = new NodeWorker(program, { eval: true, workerData: message, execArgv: [] });
        worker.unref();
      },
      terminate: () => worker?.terminate(),
    } as unknown as Worker;
  };
  const engine = await load({ threads: 2, workerFactory: factory });
  const x = tensor(generator(3), 8, 600, 64);
  let taken = 0;
  // On a loaded machine the worker may come too late for a call
  for (let call = 0; call < 300 && taken <= 0; call++) {
    engine.attention(x, x, x);
    // The second word of slot 1: the last tile that worker 1 took
    taken = Math.max(taken, new Int32Array(job.memory!.buffer, job.queue!, 32)[17]!);
  }
  assert.ok(taken > 0, "worker 1 took nothing but tile 0");
  engine.close();
});

test("resident tensors and growing memory", async () => {
  const engine = await load({ threads: 2 });
  const x = tensor(generator(3), ...LARGE);
  const resident = engine.tensor(x);
  const first = engine.attention(resident, resident, resident).output.toHost().data;
  engine.tensor({ data: new Float32Array(2 ** 22), shape: [2 ** 22] }).dispose();
  assert.equal(engine.attention(resident, resident, resident).output.toHost().data, first);
  engine.close();
});

test("a worker that never starts costs nothing but itself", async () => {
  const dead = () => ({ postMessage() {}, terminate() {} }) as unknown as Worker;
  const engine = loadSync({ threads: 3, workerFactory: dead });
  const x = tensor(generator(3), ...LARGE);
  assert.equal(engine.attention(x, x, x).output, loadSingle({ build: engine.info.build }).attention(x, x, x).output);
  assert.is(engine.info.threads, 1);
  assert.match(engine.info.reasons.threads ?? "", "2 of 2 workers have not started yet");
  engine.close();
});

test("a worker that cannot be made is a reason, not an error", () => {
  const engine = loadSync({
    threads: 2,
    workerFactory: () => {
      throw new Error("no workers here");
    },
  });
  assert.match(engine.info.reasons.threads ?? "", "no workers here");
  const x = tensor(generator(3), 4, 100, 8);
  assert.equal(engine.attention(x, x, x).output.shape, [4, 100, 8]);
  engine.close();
});

test("a worker that hangs with tiles it took: the call ends, with the same bits", async () => {
  // It takes up to three tiles as `takeTiles` would, and finishes none
  const program = `const { workerData: { memory, queue, places } } = require("node:worker_threads");
    const words = new Int32Array(memory.buffer, queue, 32);
    for (;;) {
      Atomics.store(words, 16, ${WORKER_IDLE});
      let state;
      do state = Atomics.load(words, places.state); while (state % 2 === 0);
      Atomics.store(words, 16, state);
      if (Atomics.load(words, places.state) !== state) continue;
      const tile = words[places.tiles] - 1 - Atomics.add(words, places.next, 3);
      if (tile < 0) continue;
      Atomics.store(words, 16 + places.last, Math.max(0, tile - 2));
      Atomics.store(words, 16 + places.tile, tile);
      Atomics.wait(words, 31, words[31]);
    }`;
  let ended = 0;
  const factory = () => {
    let worker: NodeWorker | undefined;
    return {
      postMessage(message: object) {
        const workerData = { ...message, places: jobQueue.integers };
        worker = new NodeWorker(program, { eval: true, workerData, execArgv: [] });
        worker.unref();
      },
      terminate() {
        ended++;
        worker?.terminate();
      },
    } as unknown as Worker;
  };
  const engine = await load({ threads: 2, workerFactory: factory });
  assert.is(engine.info.threads, 2);
  const single = loadSingle({ build: engine.info.build });
  // Two inputs in turn: memory that still holds the right output of the call before would hide a missing tile
  const inputs = [3, 4].map((seed) => tensor(generator(seed), ...LARGE));
  const wanted = inputs.map((x) => single.attention(x, x, x).output);
  const started = performance.now();
  // On a loaded machine the worker may come too late for a call
  for (let call = 0; call < 100 && ended === 0; call++) {
    const x = inputs[call % 2]!;
    assert.equal(engine.attention(x, x, x).output, wanted[call % 2]);
  }
  assert.ok(performance.now() - started < 5000);
  assert.is(ended, 1);
  assert.is(engine.info.threads, 1);
  assert.match(engine.info.reasons.threads ?? "", "did not finish a tile");
  const again = performance.now();
  for (const [i, x] of inputs.entries()) assert.equal(engine.attention(x, x, x).output, wanted[i]);
  assert.ok(performance.now() - again < 500, "it is not waited for again");
  engine.close();
});

test("what workers run is right before it is optimised", () => {
  const program = `
    import { load } from "attention-wasm/threads";
    const [many, one] = [await load({ threads: 3, deterministic: true }), await load({ deterministic: true })];
    for (let call = 0; call < 60; call++) {
      const data = Float32Array.from({ length: 4 * (250 + call) * 32 }, (_, i) => Math.sin(i * (call + 1)));
      const x = { data, shape: [4, 250 + call, 32] };
      const [got, want] = [many, one].map((engine) => engine.attention(x, x, x).output.data);
      if (got.some((value, i) => value !== want[i])) throw new Error("other bits in call " + call);
    }
    many.close();`;
  const args = ["--liftoff-only", "--input-type=module", "-e", program];
  execFileSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
});

test("close() ends all workers, and a process that forgets to exits by itself", () => {
  const program = (close: boolean) => `
    import { load } from "attention-wasm/threads";
    const engine = await load({ threads: 3 });
    const x = { data: new Float32Array(64 * 200), shape: [1, 200, 64] };
    engine.attention(x, x, x);
    console.log(engine.info.threads);
    ${close ? "engine.close();" : ""}`;
  for (const close of [true, false]) {
    const args = ["--input-type=module", "-e", program(close)];
    assert.is(execFileSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 }).trim(), "3");
  }
});

test("the default entry says where threads are", () => {
  const engine = loadSingle({ threads: "auto" });
  assert.is(engine.info.threads, 1);
  assert.match(engine.info.reasons.threads ?? "", "attention-wasm/threads");
});

test.run();
