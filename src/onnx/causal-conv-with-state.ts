// ONNX CausalConvWithState, opset 27: https://onnx.ai/onnx/operators/onnx__CausalConvWithState.html
import { choice } from "../checks.js";
import { wrongValue } from "../errors.js";
import type { AnyTensor, Engine, Tensor } from "../index.js";
import { silu } from "../layers/functions/activations.js";
import { causalConv1d } from "../layers/functions/causal-convolution.js";
import { dtypeOf, type Inputs, isResident, knownAttributes, nameInputs, sameKinds } from "./inputs.js";

export interface CausalConvWithStateAttributes {
  /** `'silu'` and `'swish'` are the same; default `'none'`. */
  readonly activation?: "none" | "silu" | "swish";
}

const INPUTS = ["input", "weight", "bias", "past_state"] as const;

/**
 * @param inputs input [B, C, T], weight [C, 1, K], bias [C], past_state [B, C, K - 1], all of one dtype
 * @returns [output, present_state], in the shapes of input and past_state and on the side of input
 */
export function CausalConvWithState<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: CausalConvWithStateAttributes = {},
): [output: T, presentState: T] {
  const named = nameInputs("CausalConvWithState", inputs, INPUTS, 2);
  knownAttributes("CausalConvWithState", attributes, ["activation"]);
  const activation = choice("activation", attributes.activation ?? "none", ["none", "silu", "swish"]);
  checkShapes(named);
  sameKinds(named, INPUTS);
  const { input, weight, bias, past_state: past } = named;
  const active = activation !== "none";
  // As the operator's text has it: the sums are rounded to the inputs' type before the activation, which 16 bits show
  const apart = active && dtypeOf("input", input!) !== "float32";
  const { output, state } = causalConv1d(engine, input!, weight!, {
    ...(bias && { bias }),
    ...(past && { state: past }),
    activation: active && !apart ? "silu" : "none",
  });
  if (!apart) return [output as T, state as T];
  try {
    return [silu(engine, output) as T, state as T];
  } catch (error) {
    if (isResident(state)) state.dispose();
    throw error;
  } finally {
    if (isResident(output)) (output as Tensor).dispose();
  }
}

function checkShapes(named: Record<(typeof INPUTS)[number], AnyTensor | undefined>): void {
  const { shape } = named.input!;
  const exact = (name: (typeof INPUTS)[number], expected: readonly (number | string)[]) => {
    const got = named[name]?.shape;
    const fits = !got || (got.length === expected.length && expected.every((n, i) => got[i] === n || n === "K"));
    if (!fits) {
      throw wrongValue("ERR_SHAPE", `${name}.shape must be [${expected.join(", ")}]: got [${got.join(", ")}]`);
    }
  };
  if (shape.length !== 3) {
    throw wrongValue("ERR_SHAPE", `input.shape must have 3 axes, [B, C, T]: got [${shape.join(", ")}]`);
  }
  const [batch, channels] = shape as [number, number, number];
  exact("weight", [channels, 1, "K"]);
  const width = named.weight!.shape[2]!;
  if (width < 1) throw wrongValue("ERR_SHAPE", `weight.shape[2] must be at least 1: got ${width}`);
  exact("bias", [channels]);
  exact("past_state", [batch, channels, width - 1]);
}
