// Additive attention (Bahdanau, Cho and Bengio 2015, eq. 6): score(q, k) = v . tanh(Wq q + Wk k + b).
import type { AnyTensor } from "../../attention/options.js";
import { boolean, integer, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { operand } from "../../operand.js";
import type { Tensor } from "../../tensor.js";
import { Module } from "../module.js";
import {
  attendSingleHead,
  checkSingleHead,
  SINGLE_HEAD_INPUTS,
  type SingleHeadInputs,
  type SingleHeadResult,
} from "../single-head.js";
import { Linear } from "./linear.js";
import { Score } from "./score.js";

export interface AdditiveAttentionOptions {
  readonly queryDim: number;
  readonly keyDim: number;
  /** Size that both are projected to. */
  readonly attentionDim: number;
  /** Of the keys' projection; default true. */
  readonly bias?: boolean;
}

/** Parameters: `Wq.weight` [A, queryDim], `Wk.weight` [A, keyDim], `Wk.bias` [A], `v.weight` [1, A]. */
export class AdditiveAttention extends Module {
  readonly queryDim: number;
  readonly keyDim: number;
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #score: Score;

  constructor(engine: Engine, options: AdditiveAttentionOptions) {
    super(engine);
    knownOptions(options, ["queryDim", "keyDim", "attentionDim", "bias"]);
    this.queryDim = integer("queryDim", options.queryDim, 1);
    this.keyDim = integer("keyDim", options.keyDim, 1);
    const outFeatures = integer("attentionDim", options.attentionDim, 1);
    const bias = boolean("bias", options.bias ?? true);
    const linear = (name: string, inFeatures: number, withBias: boolean) =>
      this.child(name, () => new Linear(engine, { inFeatures, outFeatures, bias: withBias }));
    this.#query = linear("Wq", this.queryDim, false);
    this.#key = linear("Wk", this.keyDim, bias);
    this.#score = this.child("v", () => new Score(engine, outFeatures));
  }

  /**
   * @param query [B, Lq, queryDim] or [Lq, queryDim]
   * @param keys [B, Lk, keyDim] or [Lk, keyDim]
   * @param values [B, Lk, Dv] or [Lk, Dv]; default the keys
   */
  forward<T extends AnyTensor>(
    query: T,
    keys: T,
    values: T = keys,
    inputs: SingleHeadInputs = {},
  ): SingleHeadResult<T> {
    this.ready();
    knownOptions(inputs, SINGLE_HEAD_INPUTS);
    const { core } = this;
    const operands = [operand(core, "query", query), operand(core, "keys", keys), operand(core, "values", values)];
    checkSingleHead(operands, [this.queryDim, this.keyDim, null]);
    return composite(core, operands, ["context"], ([q, k, v], keep) => {
      const projected = [keep(this.#query.run(q!)), keep(this.#key.run(k!))] as const;
      const result = attendSingleHead(core, ...projected, v!, inputs, keep, this.#score.vector);
      return result as Record<string, Tensor>;
    }) as unknown as SingleHeadResult<T>;
  }
}
