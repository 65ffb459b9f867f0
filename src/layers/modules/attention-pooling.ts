// A sequence pooled to one vector by attention with a learned query: u . tanh(W x + b) (Yang et al. 2016, Hierarchical
// Attention Networks, eq. 5 to 7), or u . x. engine.attentionPooling, without weights, is the seed document's.
import type { AnyTensor } from "../../attention/options.js";
import { choice, integer, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import { floatCode, operand } from "../../operand.js";
import { showShape } from "../../shape.js";
import { type Tensor, upload } from "../../tensor.js";
import { ACTIVATION_TANH } from "../abi.generated.js";
import { Module } from "../module.js";
import { attendSingleHead, SINGLE_HEAD_INPUTS, type SingleHeadInputs } from "../single-head.js";
import { Linear } from "./linear.js";
import { Score } from "./score.js";

export interface AttentionPoolingOptions {
  readonly inputDim: number;
  /** Default `'tanh'`: u . tanh(W x + b); `'dot'`: u . x */
  readonly score?: "tanh" | "dot";
  /** Size of W x; `'tanh'` only, default inputDim. */
  readonly attentionDim?: number;
}

export interface AttentionPoolingResult<T extends AnyTensor> {
  /** [B, inputDim] or [inputDim] */
  readonly context: T;
  /** float32 [B, L] or [L], where returnWeights asked for them */
  readonly weights?: T;
}

/** Parameters: `W.weight` [A, inputDim] and `W.bias` [A] with `'tanh'`; `u.weight` [1, A]. */
export class AttentionPooling extends Module {
  readonly inputDim: number;
  readonly #map: Linear | undefined;
  readonly #query: Score;

  constructor(engine: Engine, options: AttentionPoolingOptions) {
    super(engine);
    knownOptions(options, ["inputDim", "score", "attentionDim"]);
    this.inputDim = integer("inputDim", options.inputDim, 1);
    const tanh = choice("score", options.score ?? "tanh", ["tanh", "dot"]) === "tanh";
    if (!tanh && options.attentionDim !== undefined) {
      throw wrongValue("ERR_VALUE", "attentionDim belongs to score 'tanh'");
    }
    const size = integer("attentionDim", options.attentionDim ?? this.inputDim, 1);
    this.#map = tanh
      ? this.child("W", () => new Linear(engine, { inFeatures: this.inputDim, outFeatures: size }))
      : undefined;
    this.#query = this.child("u", () => new Score(engine, size));
  }

  /** x [B, L, inputDim] or [L, inputDim]; masks as for one query, [B, 1, L] */
  forward<T extends AnyTensor>(
    x: T,
    inputs: Omit<SingleHeadInputs, "causal" | "window"> = {},
  ): AttentionPoolingResult<T> {
    this.ready();
    knownOptions(
      inputs,
      SINGLE_HEAD_INPUTS.filter((name) => name !== "causal" && name !== "window"),
    );
    const { core } = this;
    const input = operand(core, "x", x);
    floatCode(input);
    const { shape } = input;
    const rank = shape.length;
    if ((rank !== 2 && rank !== 3) || shape[rank - 1] !== this.inputDim) {
      const D = this.inputDim;
      throw wrongValue("ERR_SHAPE", `x.shape must be [B, L, ${D}] or [L, ${D}]: got ${showShape(shape)}`);
    }
    return composite(core, [input], ["context"], ([sequence], keep) => {
      const keys = this.#map ? keep(this.#map.run(sequence!, { kind: ACTIVATION_TANH })) : sequence!;
      const query = keep(this.#repeated(rank === 3 ? shape[0]! : undefined));
      const { context, weights } = attendSingleHead(core, query, keys, sequence!, inputs, keep);
      const only = (result: Tensor) => result.select(rank - 2, 0);
      return { context: only(context), ...(weights && { weights: only(weights) }) } as Record<string, Tensor>;
    }) as unknown as AttentionPoolingResult<T>;
  }

  /** u for every batch item: [B, 1, A], or [1, A]. */
  #repeated(batch: number | undefined): Tensor {
    const { shape, data } = this.#query.vector.toHost();
    if (batch === undefined) return upload(this.core, { data, shape });
    const all = new Float32Array(batch * data.length);
    for (let b = 0; b < batch; b++) all.set(data as Float32Array, b * data.length);
    return upload(this.core, { data: all, shape: [batch, ...shape] });
  }
}
