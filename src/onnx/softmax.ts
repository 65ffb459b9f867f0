// ONNX Softmax and LogSoftmax, opset 13 and later: https://onnx.ai/onnx/operators/onnx__Softmax.html
import { composite } from "../composite.js";
import type { AnyTensor, Engine, Tensor } from "../index.js";
import { coreOf } from "../layers/load.js";
import { softmaxAlong } from "../layers/rows.js";
import { axisAttribute } from "./axis.js";
import { floatOperands } from "./float-inputs.js";
import { type Inputs, knownAttributes, nameInputs } from "./inputs.js";

export interface SoftmaxAttributes {
  /** From -rank to rank - 1, negative from the end; default -1. */
  readonly axis?: number | bigint;
}

/**
 * e^x_i / sum_j e^x_j along one axis; a slice of nothing but -Infinity, or with +Infinity, gives NaN.
 * @param inputs input
 * @returns [output], in the shape and dtype of input and on its side
 */
export function Softmax<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: SoftmaxAttributes = {},
): [T] {
  return along("Softmax", engine, inputs, attributes, false);
}

/**
 * x_i - log sum_j e^x_j along one axis
 * @param inputs input
 * @returns [output], in the shape and dtype of input and on its side
 */
export function LogSoftmax<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: SoftmaxAttributes = {},
): [T] {
  return along("LogSoftmax", engine, inputs, attributes, true);
}

function along<T extends AnyTensor>(
  operator: string,
  engine: Engine,
  inputs: Inputs,
  attributes: SoftmaxAttributes,
  logarithm: boolean,
): [T] {
  const named = nameInputs(operator, inputs, ["input"], 1);
  knownAttributes(operator, attributes, ["axis"]);
  const core = coreOf(engine);
  const { input } = floatOperands(core, named);
  const axis = axisAttribute(attributes.axis, -1, input!.shape.length);
  const run = ([x]: Tensor[]) => ({ output: softmaxAlong(core, x!, axis, logarithm) });
  return [composite(core, [input!], ["output"], run).output as T];
}
