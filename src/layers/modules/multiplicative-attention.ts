// Multiplicative attention (Luong, Pham and Manning 2015, section 3.1): dot q . k, general q . (W k), and concat
// v . tanh(W [q; k]), which they compare with; and the attentional state tanh(Wc [context; q]) of eq. 5.
import type { AnyTensor } from "../../attention/options.js";
import { choice, integer, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import { operand } from "../../operand.js";
import type { Tensor } from "../../tensor.js";
import { ACTIVATION_TANH } from "../abi.generated.js";
import { activated, sum } from "../elementwise.js";
import { Module } from "../module.js";
import { depthSlice, project } from "../product.js";
import {
  attendSingleHead,
  checkSingleHead,
  SINGLE_HEAD_INPUTS,
  type SingleHeadInputs,
  type SingleHeadResult,
} from "../single-head.js";
import { withTemporaries } from "../temporaries.js";
import { Linear } from "./linear.js";
import { Score } from "./score.js";

export interface MultiplicativeAttentionOptions {
  readonly score: "dot" | "general" | "concat";
  readonly queryDim: number;
  /** For `'dot'` the same as queryDim. */
  readonly keyDim: number;
  /** `'concat'` only: size of W [q; k]. */
  readonly attentionDim?: number;
  /** Size of the attentional state tanh(Wc [context; q]); default none. */
  readonly outputDim?: number;
}

export interface MultiplicativeAttentionResult<T extends AnyTensor> extends SingleHeadResult<T> {
  /** tanh(Wc [context; q]), where outputDim was given: [B, Lq, outputDim] */
  readonly output?: T;
}

/** Parameters: `W.weight` [queryDim, keyDim] or [A, queryDim + keyDim], `v.weight` [1, A], `Wc.weight` [outputDim, keyDim + queryDim]. */
export class MultiplicativeAttention extends Module {
  readonly score: "dot" | "general" | "concat";
  readonly queryDim: number;
  readonly keyDim: number;
  readonly #map: Linear | undefined;
  readonly #vector: Score | undefined;
  readonly #combine: Linear | undefined;

  constructor(engine: Engine, options: MultiplicativeAttentionOptions) {
    super(engine);
    knownOptions(options, ["score", "queryDim", "keyDim", "attentionDim", "outputDim"]);
    this.score = choice("score", options.score, ["dot", "general", "concat"]);
    this.queryDim = integer("queryDim", options.queryDim, 1);
    this.keyDim = integer("keyDim", options.keyDim, 1);
    if (this.score === "dot" && this.keyDim !== this.queryDim) {
      throw wrongValue("ERR_VALUE", `keyDim must equal queryDim for 'dot': got ${this.keyDim} and ${this.queryDim}`);
    }
    if ((options.attentionDim !== undefined) !== (this.score === "concat")) {
      throw wrongValue("ERR_VALUE", "attentionDim belongs to score 'concat', which needs it");
    }
    const both = this.queryDim + this.keyDim;
    const linear = (name: string, inFeatures: number, outFeatures: number) =>
      this.child(name, () => new Linear(engine, { inFeatures, outFeatures, bias: false }));
    if (options.attentionDim !== undefined) {
      const size = integer("attentionDim", options.attentionDim, 1);
      this.#map = linear("W", both, size);
      this.#vector = this.child("v", () => new Score(engine, size));
    } else if (this.score === "general") {
      this.#map = linear("W", this.keyDim, this.queryDim);
    }
    if (options.outputDim !== undefined) {
      this.#combine = linear("Wc", both, integer("outputDim", options.outputDim, 1));
    }
  }

  /**
   * @param query [B, Lq, queryDim] or [Lq, queryDim]
   * @param keys [B, Lk, keyDim] or [Lk, keyDim]; they are the values too
   */
  forward<T extends AnyTensor>(query: T, keys: T, inputs: SingleHeadInputs = {}): MultiplicativeAttentionResult<T> {
    this.ready();
    knownOptions(inputs, SINGLE_HEAD_INPUTS);
    const { core } = this;
    const operands = [operand(core, "query", query), operand(core, "keys", keys)];
    checkSingleHead(operands, [this.queryDim, this.keyDim]);
    return composite(core, operands, ["context", "output"], ([q, k], keep) => {
      const [left, right] = this.#projected(q!, k!).map((x) => (x === q || x === k ? x : keep(x))) as [Tensor, Tensor];
      const result = attendSingleHead(core, left, right, k!, inputs, keep, this.#vector?.vector);
      if (!this.#combine) return result as Record<string, Tensor>;
      return { ...result, output: this.#attentional(this.#combine, result.context, q!) } as Record<string, Tensor>;
    }) as unknown as MultiplicativeAttentionResult<T>;
  }

  /** Query and keys as the score compares them. */
  #projected(query: Tensor, keys: Tensor): [Tensor, Tensor] {
    const { core, queryDim, keyDim } = this;
    const map = this.#map;
    if (!map) return [query, keys];
    if (this.score === "general") return [query, map.run(keys)];
    const left = project(core, query, depthSlice(map.packedWeight, 0, queryDim));
    try {
      return [left, project(core, keys, depthSlice(map.packedWeight, queryDim, keyDim))];
    } catch (error) {
      left.dispose();
      throw error;
    }
  }

  #attentional({ packedWeight }: Linear, context: Tensor, query: Tensor): Tensor {
    const { core, queryDim, keyDim } = this;
    return withTemporaries((keep) => {
      const fromContext = keep(project(core, context, depthSlice(packedWeight, 0, keyDim)));
      const fromQuery = keep(project(core, query, depthSlice(packedWeight, keyDim, queryDim)));
      return keep(activated(core, keep(sum(core, fromContext, fromQuery)), { kind: ACTIVATION_TANH }));
    });
  }
}
