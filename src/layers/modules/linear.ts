// Linear layer: x W^T + b (torch.nn.Linear).
import type { AnyTensor } from "../../attention/options.js";
import { boolean, integer, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import type { Tensor } from "../../tensor.js";
import { lastAxes, mapTensor } from "../forward.js";
import { Module } from "../module.js";
import { type Activation, type PackedMatrix, project } from "../product.js";

export interface LinearOptions {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Default true. */
  readonly bias?: boolean;
}

/** Parameters: `weight` [outFeatures, inFeatures], packed when it is loaded, and `bias` [outFeatures]. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;

  constructor(engine: Engine, options: LinearOptions) {
    super(engine);
    knownOptions(options, ["inFeatures", "outFeatures", "bias"]);
    this.inFeatures = integer("inFeatures", options.inFeatures, 1);
    this.outFeatures = integer("outFeatures", options.outFeatures, 1);
    const bias = boolean("bias", options.bias ?? true);
    this.packedParameter("weight", [this.outFeatures, this.inFeatures]);
    if (bias) this.parameter("bias", [this.outFeatures]);
  }

  /** x [..., inFeatures] -> [..., outFeatures] */
  forward<T extends AnyTensor>(x: T): T {
    this.ready();
    return mapTensor(
      this.core,
      x,
      (input) => lastAxes(input, [this.inFeatures]),
      (tensor) => this.run(tensor),
    );
  }

  /** @internal The same of a float32 tensor in memory, checked; optionally through an activation. */
  run(x: Tensor, activation?: Activation): Tensor {
    return project(this.core, x, this.matrix("weight"), this.optional("bias"), activation);
  }

  /** @internal */
  get packedWeight(): PackedMatrix {
    return this.matrix("weight");
  }

  /** @internal 0 without a bias. */
  get biasAddress(): number {
    return this.optional("bias")?.address ?? 0;
  }
}
