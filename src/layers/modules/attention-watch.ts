// The weights of the attentions inside a Transformer, on their way to a caller who wants to see them.
import type { AnyTensor } from "../../attention/options.js";
import { composite } from "../../composite.js";
import type { Core } from "../../engine/core.js";
import { show, wrongKind } from "../../errors.js";
import type { Operand } from "../../operand.js";
import { Tensor } from "../../tensor.js";

export interface AttentionWatch {
  /**
   * Called when the pass is done, once for each attention in it: weights [N, heads, L, S] in float32, without N where the input
   * has none, and the name of the attention as in the state_dict, such as `layers.0.self_attn`. Resident inputs give
   * resident weights, yours to dispose of.
   */
  readonly onWeights?: (weights: AnyTensor, name: string) => void;
}

/** @internal */
export type Watch = (weights: Tensor, name: string) => void;

/** @internal The watch of what is called `name` inside. */
export function inside(watch: Watch | undefined, name: string): Watch | undefined {
  return watch && ((weights, inner) => watch(weights, `${name}.${inner}`));
}

/** @internal A pass from operands to one output, like the first of them, and weights for `onWeights`. */
export function watched<T extends AnyTensor>(
  core: Core,
  operands: readonly Operand[],
  { onWeights }: AttentionWatch,
  run: (tensors: Tensor[], watch: Watch | undefined) => Tensor,
): T {
  if (onWeights !== undefined && typeof onWeights !== "function") {
    throw wrongKind("ERR_ARGUMENT_TYPE", `onWeights must be a function: got ${show(onWeights)}`);
  }
  const { output, ...seen } = composite<Record<string, Tensor>>(core, operands, ["output"], (tensors, keep) => {
    const results: Record<string, Tensor> = {};
    const watch: Watch = (weights, name) => {
      results[name] = keep(weights);
    };
    results.output = run(tensors, onWeights && watch);
    return results;
  });
  try {
    for (const [name, weights] of Object.entries(seen)) onWeights!(weights, name);
  } catch (error) {
    for (const tensor of [output, ...Object.values(seen)]) if (tensor instanceof Tensor) tensor.dispose();
    throw error;
  }
  return output as T;
}
