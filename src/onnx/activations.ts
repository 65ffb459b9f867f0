// ONNX Gelu (opset 20), Swish (24) and SwiGLU (28): https://onnx.ai/onnx/operators/
import { composite, type Keep, toFloat32 } from "../composite.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import type { AnyTensor, Engine, Tensor } from "../index.js";
import { ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_SILU, BINARY_SWIGLU } from "../layers/abi.generated.js";
import { activated, combined } from "../layers/elementwise.js";
import { coreOf } from "../layers/load.js";
import type { Activation } from "../layers/product.js";
import { exactShape } from "../operand.js";
import { floatOperands } from "./float-inputs.js";
import { type Inputs, knownAttributes, nameInputs, numberAttribute } from "./inputs.js";

export interface GeluAttributes {
  /** `'tanh'`: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))); default `'none'`: x Phi(x), by erf. */
  readonly approximate?: "none" | "tanh";
}

export interface SwishAttributes {
  /** Of x sigmoid(alpha x); default 1. */
  readonly alpha?: number;
}

/**
 * @param inputs X
 * @returns [Y], in the shape and dtype of X and on its side
 */
export function Gelu<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: GeluAttributes = {},
): [T] {
  knownAttributes("Gelu", attributes, ["approximate"]);
  const { approximate = "none" } = attributes;
  if (typeof approximate !== "string") {
    throw wrongKind("ERR_ARGUMENT_TYPE", `approximate must be a string: got ${show(approximate)}`);
  }
  if (approximate !== "none" && approximate !== "tanh") {
    throw wrongValue("ERR_VALUE", `approximate must be 'none' or 'tanh': got ${show(approximate)}`);
  }
  return activate("Gelu", engine, inputs, { kind: approximate === "tanh" ? ACTIVATION_GELU_TANH : ACTIVATION_GELU });
}

/**
 * x sigmoid(alpha x)
 * @param inputs X
 * @returns [Y], in the shape and dtype of X and on its side
 */
export function Swish<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: SwishAttributes = {},
): [T] {
  knownAttributes("Swish", attributes, ["alpha"]);
  return activate("Swish", engine, inputs, {
    kind: ACTIVATION_SILU,
    alpha: numberAttribute("alpha", attributes.alpha) ?? 1,
  });
}

/**
 * A sigmoid(alpha A) B
 * @param inputs A, the gate, and B, the value, of one shape
 * @returns [Y], in the shape and dtype of A and on its side
 */
export function SwiGLU<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: SwishAttributes = {},
): [T] {
  const named = nameInputs("SwiGLU", inputs, ["A", "B"], 2);
  knownAttributes("SwiGLU", attributes, ["alpha"]);
  const alpha = numberAttribute("alpha", attributes.alpha) ?? 1;
  const core = coreOf(engine);
  const { A, B } = floatOperands(core, named);
  exactShape(B!, A!.shape);
  const run = ([a]: Tensor[], keep: Keep) => ({
    Y: combined(core, BINARY_SWIGLU, a!, toFloat32(core, B!, keep), alpha),
  });
  return [composite(core, [A!], ["Y"], run).Y as T];
}

function activate<T extends AnyTensor>(operator: string, engine: Engine, inputs: Inputs, activation: Activation): [T] {
  const named = nameInputs(operator, inputs, ["X"], 1);
  const core = coreOf(engine);
  const { X } = floatOperands(core, named);
  return [composite(core, [X!], ["Y"], ([x]) => ({ Y: activated(core, x!, activation) })).Y as T];
}
