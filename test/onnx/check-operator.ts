// What holds for every ONNX operator: near the numbers that are wanted, the same bits from resident tensors, memory returned,
// and errors that name what is wrong.
import * as assert from "uvu/assert";
import type { AnyTensor, Engine, HostTensor, Tensor } from "../../src/index.js";
import { halfUlp, numbersOf } from "../conformance/tolerance.js";
import { assertSameBits } from "../properties/arrays.js";

export type Operator<A = never> = (
  engine: Engine,
  inputs: readonly (AnyTensor | null)[],
  attributes: A,
) => readonly (AnyTensor | null)[];

/** |got - want| <= bound (1 + |want|), and half a unit of the last place of a 16-bit result; NaN equals NaN. */
export function near(got: HostTensor, want: ArrayLike<number>, bound: number, where: string): void {
  const numbers = numbersOf(got);
  assert.is(numbers.length, want.length, where);
  for (let i = 0; i < want.length; i++) {
    const [x, y] = [numbers[i]!, want[i]!];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const allowed = bound * (1 + Math.abs(y)) + halfUlp(y, got.dtype);
    assert.ok(Number.isFinite(y) && Math.abs(x - y) <= allowed, `[${i}] is ${x}, expected ${y}: ${where}`);
  }
}

/** Runs an operator with host tensors and with resident ones; `wants` are its outputs in float64. */
export function checkOperator<A>(
  engine: Engine,
  operator: Operator<A>,
  inputs: readonly (HostTensor | null)[],
  attributes: A,
  wants: readonly { data: ArrayLike<number>; shape: readonly number[] }[],
  where: string,
  bound = 1e-5,
): void {
  const used = engine.info.memory.used;
  const got = operator(engine, inputs, attributes) as HostTensor[];
  assert.is(engine.info.memory.used, used, `memory in use: ${where}`);
  assert.is(got.length, wants.length, where);
  for (const [i, want] of wants.entries()) {
    assert.equal([...got[i]!.shape], [...want.shape], `shape of output ${i}: ${where}`);
    near(got[i]!, want.data, bound, `output ${i}: ${where}`);
  }
  const tensors = inputs.map((input) => input && engine.tensor(input));
  const resident = operator(engine, tensors, attributes) as Tensor[];
  for (const [i, output] of got.entries()) assertSameBits(resident[i]!.toHost(), output, `resident ${i}: ${where}`);
  for (const tensor of [...tensors, ...resident]) tensor?.dispose();
  assert.is(engine.info.memory.used, used, `memory in use: ${where}`);
}

/** A function that expects an operator to throw: code, message, and no memory lost. */
export function refusals<A>(engine: Engine, operator: Operator<A>) {
  return (code: string, message: RegExp, inputs: unknown, attributes: unknown = {}): void => {
    const used = engine.info.memory.used;
    try {
      operator(engine, inputs as HostTensor[], attributes as A);
    } catch (error) {
      const { name, code: got, message: text } = error as Error & { code: string };
      assert.is(got, code, text);
      assert.match(text, message);
      assert.ok(name === "TypeError" || name === "RangeError", text);
      assert.is(engine.info.memory.used, used, text);
      return;
    }
    assert.unreachable(`nothing was thrown for ${message}`);
  };
}
