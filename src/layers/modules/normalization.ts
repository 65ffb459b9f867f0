// Normalisation over the last axes: torch.nn.LayerNorm (Ba, Kiros and Hinton 2016) and RMSNorm (Zhang and Sennrich 2019).
import type { AnyTensor } from "../../attention/options.js";
import { boolean, finite, integer, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import { show, wrongKind, wrongValue } from "../../errors.js";
import { elements } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { lastAxes, mapTensor } from "../forward.js";
import { Module } from "../module.js";
import { normalized } from "../rows.js";

export interface NormOptions {
  /** The last axes, over which mean and variance are taken. */
  readonly normalizedShape: number | readonly number[];
  /** Added to the variance. */
  readonly eps?: number;
  /** Weight and bias per element; default true. */
  readonly elementwiseAffine?: boolean;
}

export interface LayerNormOptions extends NormOptions {
  /** Default true. */
  readonly bias?: boolean;
}

abstract class Norm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;

  constructor(engine: Engine, options: LayerNormOptions, eps: number, known: readonly string[]) {
    super(engine);
    knownOptions(options, known);
    const given: unknown = options.normalizedShape;
    const sizes = typeof given === "number" ? [given] : given;
    if (!Array.isArray(sizes) || sizes.length === 0) {
      throw wrongKind("ERR_ARGUMENT_TYPE", `normalizedShape must be a size or an array of sizes: got ${show(given)}`);
    }
    this.normalizedShape = sizes.map((size, i) => integer(`normalizedShape[${i}]`, size, 1));
    this.eps = finite("eps", options.eps ?? eps);
    if (this.eps < 0) throw wrongValue("ERR_VALUE", `eps must be at least 0: got ${this.eps}`);
    const affine = boolean("elementwiseAffine", options.elementwiseAffine ?? true);
    const bias = known.includes("bias") && boolean("bias", options.bias ?? true);
    if (affine) this.parameter("weight", this.normalizedShape, 1);
    if (affine && bias) this.parameter("bias", this.normalizedShape, 0);
  }

  /** x [..., *normalizedShape] -> the same shape */
  forward<T extends AnyTensor>(x: T): T {
    this.ready();
    return mapTensor(
      this.core,
      x,
      (input) => lastAxes(input, this.normalizedShape),
      (tensor) => this.run(tensor),
    );
  }

  /** @internal */
  run(x: Tensor): Tensor {
    return normalized(this.core, x, {
      width: elements(this.normalizedShape),
      epsilon: this.eps,
      rootMeanSquare: this.rootMeanSquare,
      weight: this.optional("weight"),
      bias: this.optional("bias"),
    });
  }

  protected abstract get rootMeanSquare(): boolean;
}

/** (x - mean) / sqrt(variance + eps) * weight + bias, with the biased variance; eps 1e-5. Starts with weight 1, bias 0. */
export class LayerNorm extends Norm {
  constructor(engine: Engine, options: LayerNormOptions) {
    super(engine, options, 1e-5, ["normalizedShape", "eps", "elementwiseAffine", "bias"]);
  }

  protected get rootMeanSquare(): boolean {
    return false;
  }
}

/** x / sqrt(mean of x^2 + eps) * weight; eps 2^-23 as PyTorch's default for float32. Starts with weight 1. */
export class RMSNorm extends Norm {
  constructor(engine: Engine, options: NormOptions) {
    super(engine, options, 2 ** -23, ["normalizedShape", "eps", "elementwiseAffine"]);
  }

  protected get rootMeanSquare(): boolean {
    return true;
  }
}
