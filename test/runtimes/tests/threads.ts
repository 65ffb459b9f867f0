// Threads where the runtime has them: the bits of one thread for every count, on the threaded builds of build/threads.js.
import * as assert from "uvu/assert";
import type { Engine } from "../../../src/index.js";
import { load } from "../../../src/threads.js";
import { generator, tensor } from "../../random.js";
import { fingerprint, joined } from "../fingerprint.js";
import stored from "../hash.json";
import type { Host } from "../host.js";
import { workload } from "../workload.js";

const COUNTS = [1, 2, 3];
const CALLS = 200;

export function threads({ threads: wanted, prints, suite }: Host): void {
  if (!wanted) return;
  const test = suite("threads");
  const start = async (count: number): Promise<Engine> => {
    const engine = await load({ threads: count, deterministic: true });
    assert.is(engine.info.threads, count, `threads: ${engine.info.reasons.threads}`);
    return engine;
  };

  for (const count of COUNTS) {
    test(`${count} threads: the fingerprints in the repository`, async () => {
      const engine = await start(count);
      try {
        const sections = Object.fromEntries(
          Array.from(workload(), ([name, section]) => [name, fingerprint(section(engine))]),
        );
        prints.threads = { ...prints.threads, [count]: joined(sections) };
        const expected: Record<string, string> = stored.sections;
        const other = Object.keys(sections).filter((name) => sections[name] !== expected[name]);
        assert.equal(other, []);
      } finally {
        engine.close();
      }
    });
  }

  test(`${CALLS} random calls on 3 threads, against one`, async () => {
    const [many, one] = [await start(3), await start(1)];
    const { used } = many.info.memory;
    const random = generator(8);
    const size = (most: number) => 1 + Math.floor(random() ** 2 * most);
    for (let call = 0; call < CALLS; call++) {
      const [heads, queries, keys, dim] = [size(4), size(200), size(200), size(40)];
      const inputs = [
        tensor(random, heads, queries, dim),
        tensor(random, heads, keys, dim),
        tensor(random, heads, keys, 9),
      ] as const;
      const got = many.attention(...inputs).output.data as Float32Array;
      const want = one.attention(...inputs).output.data as Float32Array;
      assert.is(
        want.findIndex((x, i) => !Object.is(x, got[i])),
        -1,
        `call ${call}`,
      );
    }
    assert.is(many.info.memory.used, used, "memory in use");
    many.close();
    one.close();
  });
}
