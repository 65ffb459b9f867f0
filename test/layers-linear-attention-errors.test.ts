// Every wrong argument of linearAttention is one clear sentence, and nothing is kept.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionError, type HostTensor, loadSync } from "../src/index.js";
import { linearAttention, type LinearAttentionOptions } from "../src/layers/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { generator, tensor } from "./random.js";
import { assertRefusal } from "./refusal.js";

const random = generator(73);

for (const build of BUILDS) {
  const test = suite(`layers: linear attention, errors (${build})`);
  const engine = guardedEngine(build);

  const q = tensor(random, 2, 4, 6, 8);
  const k = tensor(random, 2, 2, 6, 8);
  const v = tensor(random, 2, 2, 6, 5);
  const bool = (...shape: number[]): HostTensor => ({ data: new Uint8Array(shape.reduce((a, b) => a * b)), shape });
  const run = (options: unknown, query: unknown = q, key: unknown = k, value: unknown = v) =>
    linearAttention(
      engine,
      query as HostTensor,
      key as HostTensor,
      value as HostTensor,
      options as LinearAttentionOptions<HostTensor>,
    );
  const messages: [code: string, message: string, run: () => unknown][] = [
    [
      "ERR_ARGUMENT_TYPE",
      "engine must be an Engine, as load() gives: got 1",
      () => linearAttention(1 as never, q, k, v),
    ],
    [
      "ERR_UNKNOWN_OPTION",
      "there is no option 'rule': the options are decay, beta, scale, state, layout",
      () => run({ rule: "delta" }),
    ],
    ["ERR_VALUE", "layout must be 'BHSD', 'BSHD': got \"BSD\"", () => run({ layout: "BSD" })],
    ["ERR_ARGUMENT_TYPE", 'scale must be a number: got "1"', () => run({ scale: "1" })],
    ["ERR_VALUE", "scale must be finite: got NaN", () => run({ scale: Number.NaN })],
    ["ERR_ARGUMENT_TYPE", "query must be a Tensor or { data, shape }: got null", () => run({}, null)],
    ["ERR_SHAPE", "query.shape must have at least 2 axes, [S, D]: got [8]", () => run({}, tensor(random, 8))],
    ["ERR_DTYPE", "query must be float32, float16 or bfloat16: got bool", () => run({}, bool(2, 4, 6, 8))],
    ["ERR_SHAPE", "key.shape must have 4 axes, as query has: got [6, 8]", () => run({}, q, tensor(random, 6, 8))],
    [
      "ERR_SHAPE",
      "key.shape[3] must equal query.shape[3]: expected 8, got 7",
      () => run({}, q, tensor(random, 2, 2, 6, 7)),
    ],
    [
      "ERR_SHAPE",
      "key.shape[1] must divide query.shape[1]: expected a divisor of 4, got 3",
      () => run({}, q, tensor(random, 2, 3, 6, 8), tensor(random, 2, 3, 6, 5)),
    ],
    [
      "ERR_SHAPE",
      "value.shape[2] must equal key.shape[2]: expected 6, got 7",
      () => run({}, q, k, tensor(random, 2, 2, 7, 5)),
    ],
    [
      "ERR_SHAPE",
      "key must have as many tokens as query: expected 6, got 7",
      () => run({}, q, tensor(random, 2, 2, 7, 8), tensor(random, 2, 2, 7, 5)),
    ],
    ["ERR_SHAPE", "decay.shape must have 3 or 4 axes: got [6]", () => run({ decay: tensor(random, 6) })],
    [
      "ERR_SHAPE",
      "decay.shape[1] must be 1 or 2 to broadcast to [2, 2, 6]: got 4",
      () => run({ decay: tensor(random, 2, 4, 6) }),
    ],
    [
      "ERR_SHAPE",
      "decay.shape[3] must be 1 or 8 to broadcast to [2, 2, 6, 8]: got 5",
      () => run({ decay: tensor(random, 2, 2, 6, 5) }),
    ],
    ["ERR_SHAPE", "beta.shape must have 3 axes: got [2, 2, 6, 8]", () => run({ beta: tensor(random, 2, 2, 6, 8) })],
    [
      "ERR_SHAPE",
      "beta.shape[2] must be 1 or 6 to broadcast to [2, 2, 6]: got 8",
      () => run({ beta: tensor(random, 2, 2, 8) }),
    ],
    ["ERR_DTYPE", "beta must be float32, float16 or bfloat16: got bool", () => run({ beta: bool(2, 2, 6) })],
    [
      "ERR_SHAPE",
      "state.shape must be [2, 2, 8, 5]: got [2, 2, 5, 8]",
      () => run({ state: tensor(random, 2, 2, 5, 8) }),
    ],
    [
      "ERR_DTYPE",
      "value must be float32, as query is: got float16",
      () => run({}, q, k, { data: new Uint16Array(120), shape: [2, 2, 6, 5], dtype: "float16" }),
    ],
  ];
  for (const [code, message, wrong] of messages) {
    test(message, () => assertRefusal(engine, code, message, wrong));
  }

  test("sides that are mixed, rows that are not contiguous, memory that is out: named, and nothing kept", () => {
    using state = engine.tensor(tensor(random, 2, 2, 8, 5));
    const { used } = engine.info.memory;
    assert.throws(() => run({ state }), /state must be a host tensor, as query is: got a resident Tensor/);
    using flat = engine.tensor(tensor(random, 2, 4, 8, 6));
    using column = flat.permute([0, 1, 3, 2]);
    assert.throws(() => run({}, column), /the last axis of query must be contiguous: call contiguous\(\) first/);
    flat.dispose();
    column.dispose();
    assert.is(engine.info.memory.used, used);
    const small = loadSync({ build, maximumMemory: 2 ** 20 });
    const x = tensor(random, 16, 300);
    const large = { state: tensor(random, 300, 300) };
    assert.throws(
      () => linearAttention<HostTensor>(small, x, x, x, large),
      (error: AttentionError) => error.code === "ERR_OUT_OF_MEMORY",
    );
    assert.is(small.info.memory.used, 0);
    small.close();
  });

  test.after(() => engine.close());
  test.run();
}
