// Float inputs of an operator, checked. The first decides the dtype of all, and the side of the results; the others, weights
// mostly, may lie on either side.
import type { Core } from "../engine/core.js";
import type { AnyTensor } from "../index.js";
import { floatCode, type Operand, operand, sameDType } from "../operand.js";

/** The operands of the inputs there are, by name; throws unless they are float32, float16 or bfloat16, and all of one dtype. */
export function floatOperands<Name extends string>(
  core: Core,
  named: Record<Name, AnyTensor | undefined>,
): Record<Name, Operand | undefined> {
  const operands = {} as Record<Name, Operand | undefined>;
  let first: Operand | undefined;
  for (const name in named) {
    const input = named[name];
    if (input === undefined) continue;
    const checked = operand(core, name, input);
    floatCode(checked);
    first ??= checked;
    sameDType(first, checked);
    operands[name] = checked;
  }
  return operands;
}
