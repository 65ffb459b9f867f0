// Every wrong argument is one clear sentence: what was expected, what came; and the engine is as it was before.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { alibiSlopes, type AttentionError, createBlockMask, type ErrorCode, load, loadSync } from "../src/index.js";
import { generator, tensor } from "./random.js";

const test = suite("errors");
const engine = loadSync();
const random = generator(1);
const t = (...shape: number[]) => tensor(random, ...shape);
const q = t(2, 4, 10, 8);
const k = t(2, 2, 12, 8);
const v = t(2, 2, 12, 5);

const expect = (name: string, code: ErrorCode, message: string, run: () => unknown) => {
  test(name, () => {
    const { used } = engine.info.memory;
    let thrown: AttentionError | undefined;
    try {
      run();
    } catch (error) {
      thrown = error as AttentionError;
    }
    assert.ok(thrown, "nothing was thrown");
    assert.is(thrown.message, message);
    assert.is(thrown.code, code);
    assert.ok(thrown instanceof TypeError || thrown instanceof RangeError);
    assert.is(engine.info.memory.used, used, "memory was kept");
    assert.equal(engine.attention(q, k, v).output.shape, [2, 4, 10, 5], "the engine stays usable");
  });
};

// biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
const attend = (query: any, key: any, value: any, options?: any) => () => engine.attention(query, key, value, options);

expect(
  "no tensor",
  "ERR_ARGUMENT_TYPE",
  "query must be a Tensor or { data, shape }: got undefined",
  attend(undefined, k, v),
);
expect(
  "a plain array as data",
  "ERR_ARGUMENT_TYPE",
  "key.data must be a Float32Array, Float16Array, Uint16Array, Uint8Array, Int32Array or BigInt64Array: got [1, 2]",
  attend(q, { data: [1, 2], shape: [2] }, v),
);
expect(
  "an array that does not tell its dtype",
  "ERR_DTYPE",
  "query.dtype must be 'float16' or 'bfloat16' for a Uint16Array: got undefined",
  attend({ data: new Uint16Array(4), shape: [2, 2] }, k, v),
);
expect(
  "integers as query",
  "ERR_DTYPE",
  "query must be float32, float16 or bfloat16: got int32",
  attend({ data: new Int32Array(4), shape: [2, 2] }, k, v),
);
expect(
  "data that does not fill its shape",
  "ERR_SHAPE",
  "value.data must have the 12 elements of its shape [3, 4]: it has 11",
  attend(q, k, { data: new Float32Array(11), shape: [3, 4] }),
);
expect(
  "a negative size",
  "ERR_SHAPE",
  "query.shape[1] must be an integer from 0 to 2147483647: got -1",
  attend({ data: new Float32Array(1), shape: [1, -1] }, k, v),
);
expect(
  "a size of NaN",
  "ERR_SHAPE",
  "query.shape[0] must be an integer from 0 to 2147483647: got NaN",
  attend({ data: new Float32Array(1), shape: [Number.NaN, 1] }, k, v),
);
expect(
  "a shape that is no array",
  "ERR_ARGUMENT_TYPE",
  "query.shape must be an array of integers: got 4",
  attend({ data: new Float32Array(1), shape: 4 }, k, v),
);
expect("rank 1", "ERR_SHAPE", "query.shape must have at least 2 axes, [S, D]: got [4]", attend(t(4), t(4), t(4)));
expect("ranks that differ", "ERR_SHAPE", "key.shape must have 4 axes, as query has: got [3, 8]", attend(q, t(3, 8), v));
expect(
  "head sizes",
  "ERR_SHAPE",
  "key.shape[3] must equal query.shape[3]: expected 8, got 7",
  attend(q, t(2, 2, 12, 7), v),
);
expect(
  "value length",
  "ERR_SHAPE",
  "value.shape[2] must equal key.shape[2]: expected 12, got 11",
  attend(q, k, t(2, 2, 11, 5)),
);
expect(
  "value length in BSHD",
  "ERR_SHAPE",
  "value.shape[1] must equal key.shape[1]: expected 10, got 9",
  attend(t(2, 10, 4, 8), t(2, 10, 2, 8), t(2, 9, 2, 8), { layout: "BSHD" }),
);
expect(
  "heads",
  "ERR_SHAPE",
  "key.shape[1] must divide query.shape[1]: expected a divisor of 4, got 3",
  attend(q, t(2, 3, 12, 8), t(2, 3, 12, 5)),
);
expect(
  "value heads",
  "ERR_SHAPE",
  "value.shape[1] must equal key.shape[1]: expected 2, got 1",
  attend(q, k, t(2, 1, 12, 5)),
);
expect(
  "batch",
  "ERR_SHAPE",
  "key.shape[0] must equal query.shape[0], or be 1: expected 2, got 3",
  attend(q, t(3, 2, 12, 8), t(3, 2, 12, 5)),
);
expect(
  "head size 0",
  "ERR_SHAPE",
  "query.shape[1] must be at least 1 and at most 1048576: got 0",
  attend(t(3, 0), t(3, 0), t(3, 1)),
);
expect(
  "dtypes that differ",
  "ERR_DTYPE",
  "key must be float32, as query is: got float16",
  attend(q, { data: new Uint16Array(384), shape: [2, 2, 12, 8], dtype: "float16" }, v),
);

const option = (name: string, code: ErrorCode, message: string, options: object) =>
  expect(name, code, message, attend(q, k, v, options));
option(
  "a typo",
  "ERR_UNKNOWN_OPTION",
  "there is no option 'casual': the options are scale, similarity, causal, window, mask, bias, keyLengths, queryLengths, " +
    "segments, blockMask, alibiSlopes, relativeBias, softcap, sinks, layout, returnLse, returnWeights, statistics",
  { casual: true },
);
expect("options that are no object", "ERR_ARGUMENT_TYPE", "options must be an object: got true", attend(q, k, v, true));
option("scale NaN", "ERR_VALUE", "scale must be finite: got NaN", { scale: Number.NaN });
option("scale as a string", "ERR_ARGUMENT_TYPE", 'scale must be a number: got "1"', { scale: "1" });
option("similarity", "ERR_VALUE", `similarity must be 'dot', 'cosine', 'euclidean', 'squared-euclidean': got "l2"`, {
  similarity: "l2",
});
option("softcap 0", "ERR_VALUE", "softcap must be greater than 0 as a float32: got 0", { softcap: 0 });
option("layout", "ERR_VALUE", `layout must be 'BHSD', 'BSHD': got "BHDS"`, { layout: "BHDS" });
option(
  "ambiguous causal",
  "ERR_AMBIGUOUS_CAUSAL",
  "causal: true is ambiguous with 10 queries and 12 keys: say 'upper-left' (query 0 at key 0) or 'lower-right' (last query at last key)",
  { causal: true },
);
option(
  "causal word",
  "ERR_VALUE",
  `causal must be true, false, 'upper-left', 'lower-right' or { offset }: got "left"`,
  { causal: "left" },
);
option(
  "causal number",
  "ERR_ARGUMENT_TYPE",
  "causal must be true, false, 'upper-left', 'lower-right' or { offset }: got 1",
  { causal: 1 },
);
option("causal offset", "ERR_VALUE", "causal.offset must be an integer from -1073741824 to 1073741824: got 0.5", {
  causal: { offset: 0.5 },
});
option("causal offsets", "ERR_SHAPE", "causal.offset must have one offset per batch item: expected 2, got 3", {
  causal: { offset: [1, 2, 3] },
});
option("window", "ERR_VALUE", "window[0] must be an integer from -1 to 2147483647: got -2", { window: [-2, 0] });
option("window of three", "ERR_VALUE", "window must be [left, right]: got [1, 2, 3]", { window: [1, 2, 3] });
option(
  "window offset with causal",
  "ERR_VALUE",
  "window.offset cannot be combined with causal, which sets the diagonal: use causal: { offset }",
  { window: { left: 1, right: 0, offset: 3 }, causal: "upper-left" },
);
option("key lengths", "ERR_VALUE", "keyLengths[1] must be an integer from 0 to 12: got 13", { keyLengths: [1, 13] });
option("key lengths count", "ERR_SHAPE", "keyLengths must have one length per batch item: expected 2, got 1", {
  keyLengths: [1],
});
option("query lengths", "ERR_ARGUMENT_TYPE", "queryLengths must be an array of integers: got 4", { queryLengths: 4 });
option(
  "mask of floats",
  "ERR_DTYPE",
  "mask must be bool (a Uint8Array, 1 = attend): got float32; use bias to add numbers",
  { mask: t(10, 12) },
);
option("mask shape", "ERR_SHAPE", "mask.shape[1] must be 1 or 12 to broadcast to [2, 4, 10, 12]: got 11", {
  mask: { data: new Uint8Array(110), shape: [10, 11] },
});
option("mask rank", "ERR_SHAPE", "mask.shape[0] must be 1 to broadcast to [2, 4, 10, 12]: got 2", {
  mask: { data: new Uint8Array(2), shape: [2, 1, 1, 1, 1] },
});
option("bias of integers", "ERR_DTYPE", "bias must be float32, float16 or bfloat16: got int32", {
  bias: { data: new Int32Array(12), shape: [12] },
});
option(
  "segments",
  "ERR_SHAPE",
  "segments must be { query, key } where their lengths differ: there are 10 queries and 12 keys",
  { segments: { data: new Int32Array(10), shape: [10] } },
);
option("segments of floats", "ERR_DTYPE", "segments.key must be int32 or int64: got float32", {
  segments: { query: { data: new Int32Array(10), shape: [10] }, key: t(12) },
});
option("segments shape", "ERR_SHAPE", "segments.key.shape[0] must be 1 or 12 to broadcast to [2, 12]: got 10", {
  segments: { query: { data: new Int32Array(10), shape: [10] }, key: { data: new Int32Array(10), shape: [10] } },
});
option("block mask", "ERR_ARGUMENT_TYPE", "blockMask must come from createBlockMask: got an object", { blockMask: {} });
option("block mask size", "ERR_SHAPE", "blockMask.keyLength must be 12: got 10", {
  blockMask: createBlockMask(() => true, { queryLength: 10, keyLength: 10 }),
});
option("block mask heads", "ERR_SHAPE", "blockMask.heads must be 1 or 4: got 2", {
  blockMask: createBlockMask(() => true, { heads: 2, queryLength: 10, keyLength: 12 }),
});
option("alibi slopes", "ERR_SHAPE", "alibiSlopes.shape must be [4]: got [2]", { alibiSlopes: t(2) });
option(
  "relative bias",
  "ERR_SHAPE",
  "relativeBias.shape must be [1 or 4, 2R + 1], or give T5's buckets as { table }: got [4, 6]",
  { relativeBias: t(4, 6) },
);
option("buckets", "ERR_SHAPE", "relativeBias.table.shape must be [any, 4]: got [32, 3]", {
  relativeBias: { table: t(32, 3) },
});
option("bucket distance", "ERR_VALUE", "relativeBias.maxDistance must be an integer from 9 to 1048576: got 8", {
  relativeBias: { table: t(32, 4), maxDistance: 8 },
});
option("sinks", "ERR_SHAPE", "sinks.shape must be [4]: got [4, 1]", { sinks: t(4, 1) });
option("weights of a missing row", "ERR_VALUE", "returnWeights.rows[1] must be an integer from 0 to 9: got 10", {
  returnWeights: { rows: [0, 10] },
});
option("weights of a missing head", "ERR_VALUE", "returnWeights.heads[0] must be an integer from 0 to 3: got -1", {
  returnWeights: { heads: [-1] },
});
option("returnLse", "ERR_ARGUMENT_TYPE", "returnLse must be true or false: got 1", { returnLse: 1 });

const foreign = loadSync();
const stranger = foreign.tensor(t(10, 8));
expect(
  "a tensor of another engine",
  "ERR_FOREIGN_TENSOR",
  "query belongs to another engine",
  attend(stranger, stranger, stranger),
);
const gone = engine.tensor(t(10, 8));
gone.dispose();
expect("a disposed tensor", "ERR_DISPOSED", "query was disposed of", attend(gone, gone, gone));
const resident = engine.tensor(t(10, 8));
expect(
  "sides that differ",
  "ERR_MIXED_KINDS",
  "key must be a resident Tensor, as query is: got a host tensor",
  attend(resident, t(10, 8), t(10, 8)),
);
const turned = engine.tensor(t(8, 10)).permute([1, 0]);
expect(
  "a last axis with gaps",
  "ERR_SHAPE",
  "the last axis of query must be contiguous: call contiguous() first",
  attend(turned, turned, turned),
);

expect("rotary: odd", "ERR_VALUE", "rotaryDim must be even: got 7", () => engine.rotaryEmbedding(t(3, 7)));
expect("rotary: too many", "ERR_VALUE", "rotaryDim must be an integer from 2 to 8: got 10", () =>
  engine.rotaryEmbedding(q, { rotaryDim: 10 }),
);
expect("rotary: cos alone", "ERR_VALUE", "cos and sin must be given together", () =>
  engine.rotaryEmbedding(q, { cos: t(10, 4) }),
);
expect(
  "rotary: position outside of the table",
  "ERR_VALUE",
  "positions[1] must be an integer from 0 to 9: got 10",
  () => engine.rotaryEmbedding(t(2, 8), { cos: t(10, 4), sin: t(10, 4), positions: [0, 10] }),
);
expect("rotary: table too short", "ERR_VALUE", "offset must be an integer from 0 to 8: got 9", () =>
  engine.rotaryEmbedding(t(2, 8), { cos: t(10, 4), sin: t(10, 4), offset: 9 }),
);
expect("pooling: rank", "ERR_SHAPE", "x.shape must be [B, N, D] or [N, D]: got [2, 4, 10, 8]", () =>
  engine.attentionPooling(q),
);
expect("additive: channels", "ERR_SHAPE", "projected query and key must be alike: got 8 and 7 channels", () =>
  engine.additiveAttention(t(3, 8), t(3, 7), t(3, 2)),
);
expect("additive: bias alone", "ERR_VALUE", "keyBias needs keyWeight", () =>
  engine.additiveAttention(t(3, 8), t(3, 8), t(3, 2), { keyBias: t(8) }),
);
expect("linear: shape", "ERR_SHAPE", "weight.shape must be [any, 8]: got [3, 7]", () =>
  engine.linear(t(2, 8), t(3, 7)),
);
expect("merge: nothing", "ERR_VALUE", "parts must have at least one part: got none", () => engine.mergeAttention([]));
expect("merge: shapes", "ERR_SHAPE", "parts[1].output.shape must be [3, 8]: got [4, 8]", () =>
  engine.mergeAttention([
    { output: t(3, 8), lse: t(3) },
    { output: t(4, 8), lse: t(4) },
  ]),
);
expect("block mask: no function", "ERR_ARGUMENT_TYPE", "attends must be a function of (b, h, q, k): got true", () =>
  createBlockMask(true as never, { queryLength: 1, keyLength: 1 }),
);
expect("alibiSlopes(0)", "ERR_VALUE", "heads must be an integer from 1 to 1048576: got 0", () => alibiSlopes(0));
expect("slice", "ERR_VALUE", "slice must lie in 0 to 10: got 3 to 11", () => resident.slice(0, 3, 11));
expect("permute", "ERR_VALUE", "axes must be a permutation of 0 to 1: got [0, 0]", () => resident.permute([0, 0]));
expect("reshape", "ERR_SHAPE", "shape must hold 80 elements: [9, 9] holds 81", () => resident.reshape([9, 9]));
expect("load: build", "ERR_VALUE", `build must be 'auto', 'simd', 'relaxed': got "fast"`, () =>
  loadSync({ build: "fast" as never }),
);
expect("load: both", "ERR_VALUE", "deterministic: true needs the simd build: got build: 'relaxed'", () =>
  loadSync({ build: "relaxed", deterministic: true }),
);
expect("load: memory", "ERR_VALUE", "maximumMemory must be an integer from 65536 to 4294901760: got 1", () =>
  loadSync({ maximumMemory: 1 }),
);
expect("load: threads", "ERR_VALUE", "threads must be an integer from 1 to 1024: got 0", () =>
  loadSync({ threads: 0 }),
);
expect(
  "load: another module",
  "ERR_MODULE",
  "module must be one of this package's .wasm files: it could not be instantiated",
  () => loadSync({ module: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0) }),
);

expect(
  "a head size no tile can hold",
  "ERR_SHAPE",
  "query.shape[1] must be at least 1 and at most 1048576: got 1048577",
  () => {
    const wide = { data: new Float32Array(2 ** 20 + 1), shape: [1, 2 ** 20 + 1] };
    engine.attention(wide, wide, t(1, 4));
  },
);
option("scale beyond float32", "ERR_VALUE", "scale must be a float32: got 1e+39", { scale: 1e39 });
option("softcap below float32", "ERR_VALUE", "softcap must be greater than 0 as a float32: got 1e-50", {
  softcap: 1e-50,
});
option("similarity null", "ERR_ARGUMENT_TYPE", "similarity must be a string: got null", { similarity: null });
expect(
  "leading axes in another order",
  "ERR_SHAPE",
  "the leading axes of key must be [2, 3], as query's are, or 1: got [3, 2]",
  () => engine.attention(t(2, 3, 1, 4, 8), t(3, 2, 1, 4, 8), t(3, 2, 1, 4, 8)),
);
expect(
  "a mask with some of the leading axes",
  "ERR_SHAPE",
  "mask must have all of the leading axes [2, 3], or none: it has some",
  () =>
    engine.attention(t(2, 3, 1, 4, 8), t(2, 3, 1, 4, 8), t(2, 3, 1, 4, 8), {
      mask: { data: new Uint8Array(8), shape: [2, 1, 1, 1, 4] },
    }),
);
expect(
  "additive: a typo",
  "ERR_UNKNOWN_OPTION",
  "there is no option 'softcap': the options are queryWeight, keyWeight, keyBias, scoreWeight, causal, window, mask, bias, keyLengths, queryLengths, returnLse, returnWeights",
  () => engine.additiveAttention(t(3, 8), t(3, 8), t(3, 2), { softcap: 5 } as never),
);
expect("additive: value", "ERR_SHAPE", "value.shape must be [2, 3, any]: got [2, 5, 4]", () =>
  engine.additiveAttention(t(2, 3, 8), t(2, 3, 8), t(2, 5, 4)),
);
expect(
  "scores: weights",
  "ERR_UNKNOWN_OPTION",
  "there is no option 'returnWeights': the options are scale, similarity, causal, window, mask, bias, keyLengths, segments, blockMask, alibiSlopes, relativeBias, softcap, layout, stage, select",
  () => engine.attentionScores(q, k, { returnWeights: true } as never),
);
expect("scores: a missing row", "ERR_VALUE", "select.rows[0] must be an integer from 0 to 9: got 10", () =>
  engine.attentionScores(q, k, { select: { rows: [10] } }),
);
expect("rotary: positions", "ERR_ARGUMENT_TYPE", "positions must be an array of integers: got 5", () =>
  engine.rotaryEmbedding(q, { positions: 5 as never }),
);
expect("rotary: few rows", "ERR_SHAPE", "cos.shape[0] must be at least 5, a row per position: got 3", () =>
  engine.rotaryEmbedding(t(5, 8), { cos: t(3, 4), sin: t(3, 4) }),
);
expect("merge: holes", "ERR_ARGUMENT_TYPE", "parts[0].output must be a Tensor or { data, shape }: got undefined", () =>
  engine.mergeAttention(new Array(2)),
);
expect(
  "an axis beyond what kernels index",
  "ERR_SHAPE",
  "input.shape[1] must be an integer from 0 to 2147483647: got 1099511627776",
  () => engine.rotaryEmbedding({ data: new Float32Array(0), shape: [0, 2 ** 40, 4] }),
);
expect("too many blocks", "ERR_VALUE", "shape must have at most 268435456 blocks of 64 x 64: got 1099511627776", () =>
  createBlockMask(() => true, { batch: 2 ** 20, heads: 2 ** 20, queryLength: 1, keyLength: 1 }),
);
expect(
  "load: the other build",
  "ERR_MODULE",
  "module must be the relaxed build that was asked for: it is the simd build",
  () => loadSync({ build: "relaxed", module: readFileSync("build/simd.wasm") }),
);

class Short extends Float32Array {
  override get length(): number {
    return 1;
  }
}
expect(
  "an array that lies about its length",
  "ERR_SHAPE",
  "tensor.data must have the 1 elements of its shape [1]: it has 500",
  () => engine.tensor({ data: new Short(500), shape: [1] }),
);
const disguised = Object.defineProperty(new Uint8Array(8), Symbol.toStringTag, { value: "Float32Array" });
expect(
  "an array that lies about its class",
  "ERR_DTYPE",
  "query must be float32, float16 or bfloat16: got bool",
  attend({ data: disguised, shape: [1, 8] }, k, v),
);
const transferred = new Float32Array(8);
structuredClone(transferred, { transfer: [transferred.buffer] });
// Node 20 cannot tell it from an empty one
const tellsDetached = "detached" in ArrayBuffer.prototype;
expect(
  "a detached array",
  tellsDetached ? "ERR_ARGUMENT_TYPE" : "ERR_SHAPE",
  tellsDetached
    ? "query.data must not be detached: its buffer was transferred"
    : "query.data must have the 8 elements of its shape [1, 8]: it has 0",
  attend({ data: transferred, shape: [1, 8] }, k, v),
);
expect("select with a string", "ERR_ARGUMENT_TYPE", 'axis must be an integer: got "0"', () =>
  resident.select("0" as never, 3),
);

test("a tensor cannot be made to say something else", () => {
  assert.throws(() => Object.assign(resident, { shape: [400] }), TypeError);
  assert.throws(
    () =>
      Object.assign(
        createBlockMask(() => true, { queryLength: 1, keyLength: 1 }),
        { batch: 7 },
      ),
    TypeError,
  );
});

test("a strided view as a vector is an error or as good as a copy", () => {
  const weights = engine.tensor(t(4, 2));
  const [query, key, value] = [engine.tensor(t(3, 4)), engine.tensor(t(5, 4)), engine.tensor(t(5, 2))];
  try {
    engine.additiveAttention(query, key, value, { scoreWeight: weights.select(1, 0) });
    assert.unreachable("nothing was thrown");
  } catch (error) {
    assert.match((error as AttentionError).message, "the last axis of scoreWeight must be contiguous");
  }
});

test("load: bytes that are no module", async () => {
  const refused = async (module: unknown, code: string, message: RegExp) => {
    try {
      await load({ module: module as never });
      assert.unreachable("nothing was thrown");
    } catch (error) {
      assert.is((error as AttentionError).code, code);
      assert.match((error as AttentionError).message, message);
    }
  };
  await refused(Uint8Array.of(1, 2, 3), "ERR_COMPILE", /damaged/);
  await refused(
    new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
    "ERR_MODULE",
    /not WebAssembly.*text\/html/,
  );
  await refused(new Response("", { status: 404 }), "ERR_MODULE", /404/);
  await refused(7, "ERR_MODULE", /got 7/);
});

test("load: a module, its bytes, a Response or a promise of one", async () => {
  const bytes = readFileSync("build/simd.wasm");
  const module = new WebAssembly.Module(bytes);
  for (const source of [module, bytes, new Response(bytes), Promise.resolve(module)]) {
    const other = await load({ module: source });
    assert.is(other.info.build, "simd");
    assert.equal(other.attention(q, k, v).output.data, loadSync({ build: "simd" }).attention(q, k, v).output.data);
  }
});

test("load: wishes that cannot be met are told", () => {
  const { info } = loadSync({ threads: 4 });
  assert.is(info.threads, 1);
  assert.type(info.reasons.threads, "string");
});

test("docs/errors.md lists exactly the codes there are", () => {
  const source = readFileSync("src/errors.ts", "utf8");
  const codes = [...source.matchAll(/\| "(ERR_\w+)"/g)].map((match) => match[1]).sort();
  const listed = [...readFileSync("docs/errors.md", "utf8").matchAll(/^\| `(ERR_\w+)`/gm)]
    .map((match) => match[1])
    .sort();
  assert.equal(listed, codes);
});

test.run();
