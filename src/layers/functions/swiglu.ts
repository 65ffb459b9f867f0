// The gate of gated feed-forward layers (Shazeer 2020, GLU Variants Improve Transformer, eq. 6).
import type { AnyTensor } from "../../attention/options.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { exactShape, floatCode, operand } from "../../operand.js";
import { BINARY_SWIGLU } from "../abi.generated.js";
import { combined } from "../elementwise.js";
import { coreOf } from "../load.js";

/** silu(gate) * value, both of one shape. */
export function swiglu<T extends AnyTensor>(engine: Engine, gate: T, value: T): T {
  const core = coreOf(engine);
  const inputs = [operand(core, "gate", gate), operand(core, "value", value)] as const;
  for (const input of inputs) floatCode(input);
  exactShape(inputs[1], inputs[0].shape);
  return composite(core, inputs, ["output"], ([a, b]) => ({
    output: combined(core, BINARY_SWIGLU, a!, b!, 1),
  })).output as T;
}
