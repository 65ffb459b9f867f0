// The vector that scores are the product with, kept as PyTorch keeps a Linear to one feature: weight [1, A].
import type { Engine } from "../../engine.js";
import type { Tensor } from "../../tensor.js";
import { Module } from "../module.js";

/** @internal */
export class Score extends Module {
  constructor(engine: Engine, size: number) {
    super(engine);
    this.parameter("weight", [1, size]);
  }

  get vector(): Tensor {
    return this.values("weight");
  }
}
