// Wrong calls of a cache, and memory that runs out: a clear error each, and everything as it was.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionError, type Engine, type HostTensor, type KVCache, loadSync } from "../src/index.js";
import { BUILDS } from "./builds.js";
import { generator, tensor } from "./random.js";

/** Everything that can be seen of a cache. */
function stateOf(cache: KVCache) {
  const { key, value } = cache.toHost();
  return { lengths: cache.lengths, bytes: cache.bytes, key: [...key.data], value: [...value.data] };
}

/** The call must throw this, and change nothing in the caches nor in the memory in use. */
function refused(engine: Engine, caches: readonly KVCache[], code: string, words: RegExp, call: () => void): void {
  const before = caches.map(stateOf);
  const { used } = engine.info.memory;
  assert.throws(call, (error: AttentionError) => {
    assert.is(error.code, code, error.message);
    assert.match(error.message, words);
    assert.is(error.message.split("\n").length, 1);
    return true;
  });
  assert.equal(caches.map(stateOf), before, "the state after an error");
  assert.is(engine.info.memory.used, used, "memory after an error");
}

for (const build of BUILDS) {
  const test = suite(`cache errors (${build})`);
  const engine = loadSync({ build });
  const random = generator(42);
  const make = (...shape: number[]) => tensor(random, ...shape);

  test("what does not fit is refused, and nothing is lost", () => {
    const options = { batch: 2, kvHeads: 2, headDim: 8, valueDim: 4 };
    const tokens = (n: number) => [make(2, 2, n, 8), make(2, 2, n, 4)] as const;
    const cache = engine.kvCache({ ...options, capacity: 70 });
    const fork = () => [cache.fork()];
    cache.append(...tokens(60), { lengths: [60, 10] });
    const [child] = fork() as [KVCache];
    const refuse = (code: string, words: RegExp, call: () => void) =>
      refused(engine, [cache, child], code, words, call);
    refuse("ERR_CAPACITY", /sequence 0 has 60 of at most 70 tokens, and 11 more/, () => cache.append(...tokens(11)));
    refuse("ERR_SHAPE", /key\.shape must be \[2, 2, any, 8\]: got \[2, 2, 1, 9\]/, () =>
      cache.append(make(2, 2, 1, 9), make(2, 2, 1, 4)),
    );
    refuse("ERR_SHAPE", /value\.shape must be \[2, 2, any, 4\]/, () =>
      cache.append(make(2, 2, 1, 8), make(2, 3, 1, 4)),
    );
    refuse("ERR_SHAPE", /key\.shape must be \[2, any, 2, 8\]/, () =>
      cache.append(make(2, 2, 1, 8), make(2, 1, 2, 4), { layout: "BSHD" }),
    );
    refuse("ERR_SHAPE", /value must have as many tokens as key: expected 1, got 2/, () =>
      cache.append(make(2, 2, 1, 8), make(2, 2, 2, 4)),
    );
    refuse("ERR_SHAPE", /lengths must have one/, () => cache.append(...tokens(1), { lengths: [1] }));
    refuse("ERR_VALUE", /lengths\[1\] must be an integer from 0 to 1: got 2/, () =>
      cache.append(...tokens(1), { lengths: [1, 2] }),
    );
    refuse("ERR_VALUE", /leftPadding\[0\] must be at most lengths\[0\], 1: got 2/, () =>
      cache.append(...tokens(2), { lengths: [1, 2], leftPadding: [2, 0] }),
    );
    refuse("ERR_UNKNOWN_OPTION", /there is no option 'length'/, () =>
      cache.append(...tokens(1), { length: [1] } as object),
    );
    refuse("ERR_DTYPE", /key must be float32/, () =>
      cache.append({ data: new Int32Array(32), shape: [2, 2, 1, 8] }, make(2, 2, 1, 4)),
    );
    refuse("ERR_VALUE", /positions needs a cache that was made with rotary/, () =>
      cache.append(...tokens(1), { positions: [3] }),
    );
    refuse("ERR_SHAPE", /query must have a multiple of 2 heads, the cache's: got 3/, () =>
      cache.attention(make(2, 3, 1, 8)),
    );
    refuse("ERR_SHAPE", /query\.shape must be \[2, any, any, 8\]: got \[2, 1, 8\]/, () =>
      cache.attention(make(2, 1, 8)),
    );
    refuse("ERR_UNKNOWN_OPTION", /keyLengths/, () =>
      cache.attention(make(2, 2, 1, 8), { keyLengths: [1, 2] } as object),
    );
    refuse("ERR_SHAPE", /mask\.shape/, () =>
      cache.attention(make(2, 2, 1, 8), { mask: { data: new Uint8Array(59), shape: [59] } }),
    );
    refuse("ERR_VALUE", /length must be at most 10 for sequence 1: got 11/, () => cache.truncate(11));
    refuse("ERR_VALUE", /length must be an integer from 0 to 60: got 61/, () => cache.truncate(61));
    refuse("ERR_SHAPE", /length must have one/, () => cache.truncate([1]));
    for (const wrong of ["all", undefined, null])
      refuse("ERR_ARGUMENT_TYPE", /length must be/, () => cache.truncate(wrong as never));
    refuse("ERR_VALUE", /items\[1\] must be an integer from 0 to 1: got 2/, () => cache.fork({ items: [0, 2] }));
    refuse("ERR_SHAPE", /items must name/, () => cache.fork({ items: [] }));
    refuse("ERR_VALUE", /end must be an integer from 3/, () => cache.toHost(3, 2));
    const stranger = loadSync({ build });
    refuse("ERR_FOREIGN_TENSOR", /key belongs to another engine/, () =>
      cache.append(stranger.tensor(make(2, 2, 1, 8)), make(2, 2, 1, 4)),
    );
    refuse("ERR_FOREIGN_TENSOR", /query belongs to another engine/, () =>
      cache.attention(stranger.tensor(make(2, 2, 1, 8))),
    );
    const gone = engine.tensor(make(2, 2, 1, 8));
    gone.dispose();
    refuse("ERR_DISPOSED", /key was disposed of/, () => cache.append(gone, make(2, 2, 1, 4)));
    cache.append(...tokens(10));
    assert.equal(
      [cache.lengths, child.lengths],
      [
        [70, 20],
        [60, 10],
      ],
    );
    cache.dispose();
    cache.dispose();
    for (const call of [
      () => cache.append(...tokens(1)),
      () => cache.attention(make(2, 2, 1, 8)),
      () => cache.truncate(0),
      () => cache.reset(),
      () => cache.fork(),
      () => cache.toHost(),
      () => cache.lengths,
      () => cache.bytes,
    ]) {
      refused(engine, [child], "ERR_DISPOSED", /^the cache was disposed of$/, call);
    }
    child.append(...tokens(5));
    child.dispose();
    assert.is(engine.info.memory.used, 0);
  });

  test("options that cannot be", () => {
    const good = { kvHeads: 2, headDim: 8, capacity: 8 };
    for (const [options, code, words] of [
      [undefined, "ERR_ARGUMENT_TYPE", /options must be an object/],
      [{}, "ERR_ARGUMENT_TYPE", /kvHeads must be an integer: got undefined/],
      [{ ...good, headDim: 0 }, "ERR_VALUE", /headDim must be an integer from 1/],
      [{ ...good, headDim: 2 ** 21 }, "ERR_SHAPE", /headDim must be at least 1 and at most/],
      [{ ...good, batch: 1.5 }, "ERR_VALUE", /batch must be an integer/],
      [{ ...good, batch: 2 ** 20 + 1, pages: 1 }, "ERR_VALUE", /batch must be an integer from 1 to 1048576/],
      [{ kvHeads: 2, headDim: 8 }, "ERR_ARGUMENT_TYPE", /capacity must be an integer: got undefined/],
      [{ ...good, capacity: 0 }, "ERR_VALUE", /capacity must be an integer from 1/],
      [{ ...good, dtype: "int2" }, "ERR_VALUE", /dtype must be 'float32', 'float16'/],
      [{ ...good, dtype: 8 }, "ERR_ARGUMENT_TYPE", /dtype must be a string/],
      [{ ...good, pinned: 4 }, "ERR_VALUE", /pinned needs window/],
      [{ ...good, window: 0 }, "ERR_VALUE", /window must be an integer from 1/],
      [{ ...good, window: 9 }, "ERR_VALUE", /capacity must be an integer from 9/],
      [{ ...good, pages: 0 }, "ERR_VALUE", /pages must be an integer from 1/],
      [{ ...good, rotary: 1 }, "ERR_ARGUMENT_TYPE", /rotary must be true or false/],
      [{ ...good, rotary: null }, "ERR_ARGUMENT_TYPE", /rotary must be true or false: got null/],
      [{ ...good, rotary: [] }, "ERR_ARGUMENT_TYPE", /rotary must be true or false/],
      [{ ...good, rotary: { rotaryDim: 3 } }, "ERR_VALUE", /rotaryDim must be even/],
      [{ ...good, rotary: { positions: [1] } }, "ERR_UNKNOWN_OPTION", /there is no option 'positions'/],
      [{ ...good, headDim: 7, rotary: true }, "ERR_VALUE", /rotaryDim must be even/],
      [{ ...good, size: 1 }, "ERR_UNKNOWN_OPTION", /there is no option 'size'/],
      [{ ...good, capacity: 2 ** 28, batch: 2 ** 20 }, "ERR_OUT_OF_MEMORY", /out of memory/],
    ] as const) {
      refused(engine, [], code, words, () => engine.kvCache(options as never).dispose());
    }
    assert.is(engine.info.memory.used, 0);
  });

  test("a pool that is exhausted: nothing is appended, and room made elsewhere is used", () => {
    const cache = engine.kvCache({ batch: 2, kvHeads: 1, headDim: 4, pages: 3 });
    assert.is(cache.capacity, 192);
    const tokens = (n: number) => [make(2, 1, n, 4), make(2, 1, n, 4)] as const;
    cache.append(...tokens(64));
    const fork = cache.fork();
    // One page is left, two are needed
    refused(
      engine,
      [cache, fork],
      "ERR_CAPACITY",
      /pool of 3 pages is exhausted: 2 more are needed and 1 are left/,
      () => cache.append(...tokens(1)),
    );
    cache.append(...tokens(1), { lengths: [1, 0] });
    cache.truncate([60, 64]);
    assert.equal([cache.bytes.used, cache.bytes.shared], [2 * cache.bytes.page, 2 * cache.bytes.page]);
    // A copy of the first page, which the fork still holds
    cache.append(...tokens(1), { lengths: [1, 0] });
    refused(engine, [cache, fork], "ERR_CAPACITY", /exhausted/, () => fork.append(...tokens(1), { lengths: [0, 1] }));
    fork.truncate([0, 64]);
    fork.append(...tokens(1), { lengths: [0, 1] });
    refused(engine, [cache, fork], "ERR_CAPACITY", /exhausted/, () => cache.append(...tokens(120)));
    fork.dispose();
    cache.reset();
    cache.append(...tokens(64));
    assert.is(cache.bytes.used, 2 * cache.bytes.page);
    cache.dispose();
    assert.is(engine.info.memory.used, 0);
  });

  test("a ring refuses what it can no longer answer", () => {
    const cache = engine.kvCache({ kvHeads: 1, headDim: 4, window: 10, pinned: 2, capacity: 19 });
    const tokens = (n: number) => [make(1, 1, n, 4), make(1, 1, n, 4)] as const;
    const refuse = (code: string, words: RegExp, call: () => void) => refused(engine, [cache], code, words, call);
    // Nothing of the first 21 is behind a window of 10 unless pinned
    cache.append(...tokens(21));
    refuse(
      "ERR_CAPACITY",
      /key must have at most 10 tokens for sequence 0, so that each of them sees its window: got 11/,
      () => cache.append(...tokens(11)),
    );
    for (let i = 0; i < 20; i++) cache.append(...tokens(10));
    assert.equal(cache.lengths, [221]);
    cache.attention(make(1, 1, 10, 4));
    refuse("ERR_CAPACITY", /first query of sequence 0 sees token 201, and all before 202 have been given up/, () =>
      cache.attention(make(1, 1, 11, 4)),
    );
    refuse("ERR_VALUE", /window must reach at most 9 to the left, as the cache's does: got 10/, () =>
      cache.attention(make(1, 1, 1, 4), { window: [10, 0] }),
    );
    refuse("ERR_VALUE", /window must reach/, () => cache.attention(make(1, 1, 1, 4), { window: [-1, 0] }));
    refuse("ERR_CAPACITY", /sequence 0 cannot go back to 210 tokens: the next would see token 201/, () =>
      cache.truncate(210),
    );
    cache.attention(make(1, 1, 12, 4), { window: [3, -1] });
    cache.truncate(211);
    cache.append(...tokens(1));
    cache.attention(make(1, 1, 1, 4));
    cache.truncate(2);
    cache.append(...tokens(3));
    assert.equal(cache.lengths, [5]);
    cache.reset();
    cache.append(...tokens(1));
    cache.dispose();
    assert.is(engine.info.memory.used, 0);
  });

  test("memory that runs out in the middle: nothing is appended", () => {
    const small = loadSync({ build, maximumMemory: 4 * 65536 });
    const cache = small.kvCache({ kvHeads: 1, headDim: 32, capacity: 640 });
    for (let i = 0; i < 10; i++) cache.append(make(1, 1, 64, 32), make(1, 1, 64, 32));
    const fork = cache.fork();
    fork.truncate(0);
    const chunks: HostTensor[] = [];
    const append = () => {
      const chunk = make(1, 1, 64, 32);
      fork.append(chunk, chunk);
      chunks.push(chunk);
    };
    assert.throws(() => {
      for (;;) append();
    }, /out of memory/);
    const before = { lengths: fork.lengths, bytes: fork.bytes, used: small.info.memory.used };
    assert.throws(append, (error: AttentionError) => error.code === "ERR_OUT_OF_MEMORY");
    assert.equal({ lengths: fork.lengths, bytes: fork.bytes, used: small.info.memory.used }, before);
    assert.ok(chunks.length > 0 && chunks.length < 10);
    cache.dispose();
    append();
    for (const [i, { data }] of chunks.entries()) {
      const { key, value } = fork.toHost(i * 64, (i + 1) * 64);
      assert.equal(key.data, data);
      assert.equal(value.data, data);
    }
    fork.dispose();
    assert.is(small.info.memory.used, 0);
  });

  test("memory that runs out after some of the pages: those are given back", () => {
    const small = loadSync({ build, maximumMemory: 4 * 65536 });
    const cache = small.kvCache({ batch: 5, kvHeads: 1, headDim: 64, capacity: 64 });
    cache.append(make(5, 1, 2, 64), make(5, 1, 2, 64));
    const fork = cache.fork();
    refused(small, [cache, fork], "ERR_OUT_OF_MEMORY", /out of memory/, () =>
      fork.append(make(5, 1, 1, 64), make(5, 1, 1, 64)),
    );
    fork.dispose();
    cache.dispose();
    assert.is(small.info.memory.used, 0);
  });

  test("the caller's own code changes the cache while arguments are read", () => {
    const one = make(1, 1, 1, 4);
    for (const change of ["dispose", "reset"] as const) {
      const cache = engine.kvCache({ kvHeads: 1, headDim: 4, capacity: 80, rotary: true });
      const positions = new Proxy([0], { get: (list, key) => cache[change]() ?? Reflect.get(list, key) });
      cache.append(make(1, 1, 70, 4), make(1, 1, 70, 4));
      assert.throws(() => cache.attention(one, { positions }), /was (changed|disposed of)/);
      if (change === "reset") cache.append(one, one);
      assert.throws(() => cache.append(one, one, { positions }), /was (changed|disposed of)/);
      cache.dispose();
      assert.is(engine.info.memory.used, 0, change);
    }
  });

  test("after the engine is closed", () => {
    const other = loadSync({ build });
    const cache = other.kvCache({ kvHeads: 1, headDim: 4, capacity: 8 });
    const fork = cache.fork();
    other.close();
    assert.ok(cache.disposed);
    assert.throws(
      () => cache.attention(make(1, 1, 1, 4)),
      (error: AttentionError) => error.code === "ERR_CLOSED",
    );
    assert.throws(() => other.kvCache({ kvHeads: 1, headDim: 4, capacity: 8 }), /closed/);
    cache.dispose();
    fork.dispose();
  });

  test.run();
}
