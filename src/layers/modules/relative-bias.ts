// Learned biases per bucket of distances (Raffel et al. 2020, T5, section 2.1).
import { boolean, integer, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import type { BucketedBias } from "../../attention/options.js";
import { Module } from "../module.js";

export interface RelativeBiasOptions {
  readonly numHeads: number;
  /** Default 32. */
  readonly numBuckets?: number;
  /** Distances from here on share the last bucket; default 128. */
  readonly maxDistance?: number;
  /** Half of the buckets for keys after the query; default true. */
  readonly bidirectional?: boolean;
}

/** Parameter: `relative_attention_bias.weight` [numBuckets, numHeads], as T5 names it. */
export class RelativeBias extends Module {
  readonly #maxDistance: number;
  readonly #bidirectional: boolean;

  constructor(engine: Engine, options: RelativeBiasOptions) {
    super(engine);
    knownOptions(options, ["numHeads", "numBuckets", "maxDistance", "bidirectional"]);
    const heads = integer("numHeads", options.numHeads, 1);
    const buckets = integer("numBuckets", options.numBuckets ?? 32, 2);
    this.#maxDistance = integer("maxDistance", options.maxDistance ?? 128, 1);
    this.#bidirectional = boolean("bidirectional", options.bidirectional ?? true);
    this.parameter("relative_attention_bias.weight", [buckets, heads]);
  }

  /** What `engine.attention` and `MultiHeadAttention` take as `relativeBias`; no longer than this layer lives. */
  get relativeBias(): BucketedBias {
    const table = this.values("relative_attention_bias.weight");
    return { table, bidirectional: this.#bidirectional, maxDistance: this.#maxDistance };
  }
}
