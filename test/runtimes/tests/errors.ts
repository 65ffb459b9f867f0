// Errors in this runtime: class, code and the very words; and the engine as it was before.
import * as assert from "uvu/assert";
import { type AttentionError, createBlockMask, type ErrorCode, loadSync } from "../../../src/index.js";
import { generator, tensor } from "../../random.js";
import type { Host } from "../host.js";

export function errors({ builds, suite }: Host): void {
  const test = suite("errors");
  const module = builds[0]!.module;
  const engine = loadSync({ module });
  const random = generator(1);
  const t = (...shape: number[]) => tensor(random, ...shape);
  const [q, k, v] = [t(2, 4, 10, 8), t(2, 2, 12, 8), t(2, 2, 12, 5)];

  const expect = (kind: typeof TypeError, code: ErrorCode, message: string, run: () => unknown) => {
    test(message, () => {
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
      assert.ok(thrown instanceof kind, `not a ${kind.name}`);
      assert.is(engine.info.memory.used, used, "memory was kept");
      assert.equal(engine.attention(q, k, v).output.shape, [2, 4, 10, 5], "the engine stays usable");
    });
  };
  // biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
  const attend = (query: any, key: any, value: any, options?: any) => () =>
    engine.attention(query, key, value, options);

  expect(
    TypeError,
    "ERR_ARGUMENT_TYPE",
    "query must be a Tensor or { data, shape }: got undefined",
    attend(undefined, k, v),
  );
  expect(
    TypeError,
    "ERR_DTYPE",
    "query must be float32, float16 or bfloat16: got int32",
    attend({ data: new Int32Array(4), shape: [2, 2] }, k, v),
  );
  expect(
    RangeError,
    "ERR_SHAPE",
    "key.shape[3] must equal query.shape[3]: expected 8, got 7",
    attend(q, t(2, 2, 12, 7), v),
  );
  expect(
    RangeError,
    "ERR_SHAPE",
    "key.shape[1] must divide query.shape[1]: expected a divisor of 4, got 3",
    attend(q, t(2, 3, 12, 8), t(2, 3, 12, 5)),
  );
  expect(RangeError, "ERR_VALUE", "scale must be finite: got NaN", attend(q, k, v, { scale: Number.NaN }));
  expect(RangeError, "ERR_SHAPE", "sinks.shape must be [4]: got [4, 1]", attend(q, k, v, { sinks: t(4, 1) }));
  expect(
    RangeError,
    "ERR_AMBIGUOUS_CAUSAL",
    "causal: true is ambiguous with 10 queries and 12 keys: say 'upper-left' (query 0 at key 0) or 'lower-right' (last query at last key)",
    attend(q, k, v, { causal: true }),
  );
  expect(
    TypeError,
    "ERR_DTYPE",
    "mask must be bool (a Uint8Array, 1 = attend): got float32; use bias to add numbers",
    attend(q, k, v, { mask: t(10, 12) }),
  );
  expect(
    RangeError,
    "ERR_VALUE",
    "keyLengths[1] must be an integer from 0 to 12: got 13",
    attend(q, k, v, { keyLengths: [1, 13] }),
  );
  expect(
    RangeError,
    "ERR_SHAPE",
    "blockMask.keyLength must be 12: got 10",
    attend(q, k, v, { blockMask: createBlockMask(() => true, { queryLength: 10, keyLength: 10 }) }),
  );
  const foreign = loadSync({ module });
  const stranger = foreign.tensor(t(10, 8));
  expect(TypeError, "ERR_FOREIGN_TENSOR", "query belongs to another engine", attend(stranger, stranger, stranger));
  const gone = engine.tensor(t(10, 8));
  gone.dispose();
  expect(TypeError, "ERR_DISPOSED", "query was disposed of", attend(gone, gone, gone));
  const resident = engine.tensor(t(10, 8));
  expect(
    TypeError,
    "ERR_MIXED_KINDS",
    "key must be a resident Tensor, as query is: got a host tensor",
    attend(resident, t(10, 8), t(10, 8)),
  );
  expect(RangeError, "ERR_VALUE", "rotaryDim must be even: got 7", () => engine.rotaryEmbedding(t(3, 7)));
  expect(RangeError, "ERR_VALUE", "parts must have at least one part: got none", () => engine.mergeAttention([]));

  test("there is no option 'casual'", () => {
    assert.throws(
      attend(q, k, v, { casual: true }),
      (error: AttentionError) =>
        error.code === "ERR_UNKNOWN_OPTION" && error.message.startsWith("there is no option 'casual': the options are"),
    );
  });
}
