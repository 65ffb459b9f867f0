// The general matrix product.
import type { AnyTensor } from "../../attention/options.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import { floatCode, type Operand, operand, sameDType } from "../../operand.js";
import { elements, showShape } from "../../shape.js";
import { MATRIX_ROWS } from "../abi.generated.js";
import { coreOf } from "../load.js";
import { multiply } from "../product.js";
import { blank, dense } from "../temporaries.js";

/**
 * The matrix product over the last two axes: a [..., M, K], b [..., K, N] with the same leading axes, or b [K, N] for all of
 * them -> [..., M, N].
 */
export function matmul<T extends AnyTensor>(engine: Engine, a: T, b: T): T {
  const core = coreOf(engine);
  const inputs = [operand(core, "a", a), operand(core, "b", b)] as const;
  for (const input of inputs) floatCode(input);
  sameDType(...inputs);
  checkMatrices(...inputs);
  return composite(core, inputs, ["output"], ([left, right], keep) => {
    const [M, K] = left!.shape.slice(-2) as [number, number];
    const N = right!.shape.at(-1)!;
    const shared = right!.shape.length === 2;
    const batch = shared ? 1 : elements(left!.shape.slice(0, -2));
    const rows = shared ? elements(left!.shape.slice(0, -1)) : M;
    const output = keep(blank(core, [...left!.shape.slice(0, -1), N]));
    multiply(core, {
      batch,
      rows,
      columns: N,
      depth: K,
      a: dense(core, left!, keep).address,
      aBatch: M * K * 4,
      aRow: K * 4,
      kind: MATRIX_ROWS,
      b: dense(core, right!, keep).address,
      bBatch: K * N * 4,
      bRow: N * 4,
      c: output.address,
      cBatch: M * N * 4,
      cRow: N * 4,
    });
    return { output };
  }).output as T;
}

function checkMatrices(a: Operand, b: Operand): void {
  for (const { name, shape } of [a, b]) {
    if (shape.length < 2) {
      throw wrongValue("ERR_SHAPE", `${name}.shape must have at least 2 axes: got ${showShape(shape)}`);
    }
  }
  const lead = showShape(a.shape.slice(0, -2));
  if (b.shape.length > 2 && showShape(b.shape.slice(0, -2)) !== lead) {
    throw wrongValue("ERR_SHAPE", `b.shape must start with ${lead}, as a.shape does: got ${showShape(b.shape)}`);
  }
  const depth = a.shape.at(-1)!;
  if (b.shape.at(-2) !== depth) {
    const axis = b.shape.length - 2;
    throw wrongValue(
      "ERR_SHAPE",
      `b.shape[${axis}] must equal a.shape[${a.shape.length - 1}]: expected ${depth}, got ${b.shape[axis]}`,
    );
  }
}
