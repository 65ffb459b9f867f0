// How an engine comes to life in this runtime: from the builds inside, from modules that are handed over, and what it
// says where that is refused.
import * as assert from "uvu/assert";
import { type AttentionError, type Engine, load, loadSync } from "../../../src/index.js";
import { generator, tensor } from "../../random.js";
import type { Host } from "../host.js";

async function refused(run: () => Promise<unknown>, code: string, message: RegExp): Promise<void> {
  try {
    await run();
  } catch (error) {
    assert.is((error as AttentionError).code, code);
    assert.match((error as AttentionError).message, message);
    return;
  }
  assert.unreachable("nothing was thrown");
}

export function loading({ builds, compiles, suite }: Host): void {
  const test = suite("loading");
  const x = tensor(generator(1), 2, 70, 33);
  const bits = (engine: Engine) => {
    const { data } = engine.attention(x, x, x, { causal: true }).output;
    engine.close();
    return data;
  };
  const want = bits(loadSync({ module: builds[0]!.module }));

  test("a module, a promise of one, or by loadSync", async () => {
    for (const { name, module } of builds) {
      for (const engine of [await load({ module }), await load({ module: Promise.resolve(module) })]) {
        assert.is(engine.info.build, name);
        assert.is(engine.info.threads, 1);
        const first = bits(engine);
        assert.equal(first, bits(loadSync({ module })));
      }
    }
  });

  test(
    compiles ? "the default import, with its builds inside" : "compiling is refused, and the error tells the way out",
    async () => {
      if (!compiles) {
        await refused(() => load(), "ERR_COMPILE", /hand over a compiled one as `module`/);
        assert.throws(
          () => loadSync(),
          (error: AttentionError) => error.code === "ERR_COMPILE",
        );
        return;
      }
      const engine = await load();
      const { build, reasons } = engine.info;
      assert.is(build, builds.at(-1)!.name);
      assert.is(reasons.relaxed, build === "relaxed" ? undefined : "this runtime has no relaxed SIMD");
      engine.close();
      assert.equal(bits(await load({ deterministic: true })), want);
      assert.equal(bits(loadSync({ deterministic: true })), want);
    },
  );

  test("what is no module", async () => {
    await refused(() => load({ module: 7 as never }), "ERR_MODULE", /got 7/);
    await refused(() => load({ module: Uint8Array.of(1, 2, 3) }), "ERR_COMPILE", /damaged/);
    if (typeof Response !== "function") return;
    const page = new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
    await refused(() => load({ module: page }), "ERR_MODULE", /not WebAssembly.*text\/html/);
    await refused(() => load({ module: new Response("", { status: 404 }) }), "ERR_MODULE", /404/);
  });

  test("threads that this entry cannot give are told", async () => {
    const engine = await load({ module: builds[0]!.module, threads: 4 });
    assert.is(engine.info.threads, 1);
    assert.type(engine.info.reasons.threads, "string");
    engine.close();
  });
}
