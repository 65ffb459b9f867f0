// Causal depthwise convolution with its state.
import type { AnyTensor } from "../../attention/options.js";
import { choice, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import { exactShape, floatCode, type Operand, operand, sameDType } from "../../operand.js";
import { elements, showShape } from "../../shape.js";
import { ACTIVATION_NONE, ACTIVATION_SILU, CAUSAL_BLOCK, CONSTANTS, causalConvParameters } from "../abi.generated.js";
import { layerKernels } from "../kernels.js";
import { coreOf } from "../load.js";
import { blank, copy, dense, zeros } from "../temporaries.js";

export interface CausalConv1dOptions<T extends AnyTensor = AnyTensor> {
  /** [C] */
  readonly bias?: T;
  /** The last K - 1 elements of what came before, [B, C, K - 1], or [C, K - 1]; default zeros. */
  readonly state?: T;
  /** Applied to the sums; default `'none'`. */
  readonly activation?: "none" | "silu";
}

export interface CausalConv1dResult<T extends AnyTensor> {
  /** The shape of x */
  readonly output: T;
  /** The state for what follows: the last K - 1 elements of the old one and x together. */
  readonly state: T;
}

const OPTIONS = ["bias", "state", "activation"];

/**
 * Each channel convolved with a kernel of its own that sees the present and the K - 1 elements before it:
 * y_t = activation(bias + sum over j of weight_j x_(t - K + 1 + j)), as before the recurrences of Mamba (Gu and Dao 2023, section
 * 3.4) and Gated DeltaNet (Yang, Kautz and Hatamizadeh 2025). Where a sequence is cut makes no difference to the bits.
 * @param x [B, C, T] or [C, T]; state and bias share its dtype
 * @param weight [C, 1, K], as nn.Conv1d with groups = C keeps it
 */
export function causalConv1d<T extends AnyTensor>(
  engine: Engine,
  x: T,
  weight: T,
  options: CausalConv1dOptions<T> = {},
): CausalConv1dResult<T> {
  const core = coreOf(engine);
  knownOptions(options, OPTIONS);
  const activation = choice("activation", options.activation ?? "none", ["none", "silu"]);
  const given = { x, weight, bias: options.bias, state: options.state };
  const inputs = Object.entries(given)
    .filter(([, argument]) => argument !== undefined)
    .map(([name, argument]) => operand(core, name, argument));
  const { lead, channels, length, width } = checkShapes(inputs);
  const bias = inputs.findIndex(({ name }) => name === "bias");
  const state = inputs.findIndex(({ name }) => name === "state");
  return composite(core, inputs, ["output", "state"], (tensors, keep) => {
    const stateShape = [...lead, channels, width - 1];
    const carried = keep(state < 0 ? zeros(core, stateShape) : copy(core, tensors[state]!));
    const input = dense(core, tensors[0]!, keep);
    const output = keep(blank(core, input.shape));
    const kernel = dense(core, tensors[1]!, keep);
    const start = bias < 0 ? 0 : dense(core, tensors[bias]!, keep).address;
    core.call((scope) => {
      const parameters = scope.block(causalConvParameters, {
        batch: elements(lead),
        channels,
        length,
        width,
        activation: activation === "silu" ? ACTIVATION_SILU : ACTIVATION_NONE,
        input: input.address,
        weight: kernel.address,
        bias: start,
        state: carried.address,
        output: output.address,
        scratch: scope.allocate(CONSTANTS + 4 * (width + 2 * CAUSAL_BLOCK)),
      });
      layerKernels(core).convolveCausally(parameters);
    });
    return { output, state: carried };
  }) as unknown as CausalConv1dResult<T>;
}

function checkShapes(inputs: readonly Operand[]) {
  const [x, weight, ...others] = inputs as [Operand, Operand, ...Operand[]];
  for (const input of inputs) floatCode(input);
  sameDType(x, weight, ...others);
  const rank = x.shape.length;
  if (rank !== 2 && rank !== 3) {
    throw wrongValue("ERR_SHAPE", `x.shape must be [B, C, T] or [C, T]: got ${showShape(x.shape)}`);
  }
  const [channels, length] = x.shape.slice(-2) as [number, number];
  exactShape(weight, [channels, 1, null]);
  const width = weight.shape[2]!;
  if (width < 1) throw wrongValue("ERR_SHAPE", `weight.shape[2] must be at least 1: got ${width}`);
  const lead = x.shape.slice(0, -2);
  for (const other of others) {
    exactShape(other, other.name === "bias" ? [channels] : [...lead, channels, width - 1]);
  }
  return { lead, channels, length, width };
}
