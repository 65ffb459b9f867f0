// Softmax and its logarithm along one axis.
import type { AnyTensor } from "../../attention/options.js";
import { knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import { axisOf, mapTensor } from "../forward.js";
import { coreOf } from "../load.js";
import { softmaxAlong } from "../rows.js";

export interface SoftmaxOptions {
  /** Default -1, the last; negative from the end. */
  readonly axis?: number;
}

function along<T extends AnyTensor>(engine: Engine, x: T, options: SoftmaxOptions, logarithm: boolean): T {
  const core = coreOf(engine);
  knownOptions(options, ["axis"]);
  let axis = 0;
  return mapTensor(
    core,
    x,
    (input) => {
      axis = axisOf("axis", options.axis ?? -1, input);
    },
    (tensor) => softmaxAlong(core, tensor, axis, logarithm),
  );
}

/** e^x_i / sum_j e^x_j; a slice of nothing but -Infinity, or with +Infinity, gives NaN, as in PyTorch. */
export function softmax<T extends AnyTensor>(engine: Engine, x: T, options: SoftmaxOptions = {}): T {
  return along(engine, x, options, false);
}

/** x_i - log sum_j e^x_j */
export function logSoftmax<T extends AnyTensor>(engine: Engine, x: T, options: SoftmaxOptions = {}): T {
  return along(engine, x, options, true);
}
