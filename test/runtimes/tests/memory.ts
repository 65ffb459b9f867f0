// Linear memory in this runtime: nothing overlaps, nothing is lost, growth and its end, and what calls leave behind.
import * as assert from "uvu/assert";
import { LinearMemory } from "../../../src/engine/memory.js";
import { type AttentionError, loadSync } from "../../../src/index.js";
import { generator, tensor } from "../../random.js";
import type { Host } from "../host.js";

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return (error as AttentionError).code;
  }
  return undefined;
}

export function memory({ builds, suite }: Host): void {
  for (const { name, module } of builds) {
    const test = suite(`memory (${name})`);

    test("random allocations never overlap, and all memory comes back", () => {
      const memory = new LinearMemory(32 * 2 ** 20);
      const random = generator(3);
      const live = new Map<number, number>();
      for (let step = 0; step < 1500; step++) {
        if (live.size > 0 && random() < 0.48) {
          const address = [...live.keys()][Math.floor(random() * live.size)]!;
          memory.free(address, live.get(address)!);
          live.delete(address);
          continue;
        }
        const bytes = Math.floor(random() ** 4 * 100000);
        const address = memory.allocate(bytes);
        assert.is(address % 64, 0);
        for (const [other, size] of live) {
          assert.ok(address + bytes <= other || other + size <= address, "two allocations overlap");
        }
        live.set(address, bytes);
      }
      for (const [address, bytes] of live) memory.free(address, bytes);
      assert.is(memory.info.used, 0);
    });

    test("out of memory at the limit, with a code, and usable after", () => {
      const engine = loadSync({ module, maximumMemory: 2 ** 20 });
      const big = { data: new Float32Array(2 ** 20), shape: [1024, 1024] };
      assert.is(
        codeOf(() => engine.tensor(big)),
        "ERR_OUT_OF_MEMORY",
      );
      assert.is(engine.info.memory.used, 0);
      const x = tensor(generator(1), 10, 8);
      assert.equal(engine.attention(x, x, x).output.shape, [10, 8]);
      engine.close();
      assert.is(
        codeOf(() => engine.info),
        "ERR_CLOSED",
      );
    });

    test("a call that runs out half-way frees everything", () => {
      const x = tensor(generator(1), 64, 64);
      let failed = 0;
      for (let pages = 1; pages < 8; pages++) {
        const engine = loadSync({ module, maximumMemory: pages * 65536 });
        const code = codeOf(() => engine.attention(x, x, x, { returnWeights: true }));
        if (code !== undefined) {
          failed++;
          assert.is(code, "ERR_OUT_OF_MEMORY");
        }
        assert.is(engine.info.memory.used, 0);
        engine.close();
      }
      assert.ok(failed > 0 && failed < 7, `${failed} of 7 sizes failed`);
    });

    test("memory that grows to 64 MB keeps what is in it", () => {
      const engine = loadSync({ module });
      const x = tensor(generator(9), 2, 33, 24);
      const resident = engine.tensor(x);
      const { output } = engine.attention(resident, resident, resident, { causal: true });
      engine.tensor({ data: new Float32Array(2 ** 24), shape: [2 ** 24] }).dispose();
      assert.ok(engine.info.memory.reserved >= 2 ** 26);
      assert.equal(output.toHost().data, engine.attention(x, x, x, { causal: true }).output.data);
      engine.close();
    });

    test("hundreds of calls leave nothing behind", () => {
      const engine = loadSync({ module });
      const x = tensor(generator(2), 2, 10, 8);
      let reserved = 0;
      for (let i = 0; i < 300; i++) {
        engine.attention(x, x, x, { returnLse: true, returnWeights: { rows: [1] } });
        if (i === 0) reserved = engine.info.memory.reserved;
      }
      assert.is(engine.info.memory.used, 0);
      assert.is(engine.info.memory.reserved, reserved);
      const held = engine.tensor(x);
      const { output } = engine.attention(held, held, held);
      assert.is(engine.info.memory.used, 1280);
      output.dispose();
      held.dispose();
      assert.is(engine.info.memory.used, 0);
      engine.close();
    });

    test("dozens of engines, each closed", () => {
      const x = tensor(generator(2), 10, 8);
      for (let i = 0; i < 40; i++) {
        const engine = loadSync({ module, maximumMemory: 2 ** 24 });
        engine.attention(x, x, x);
        engine.close();
      }
    });
  }
}
