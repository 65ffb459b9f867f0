// What multi-head attention takes and gives, and how its sequences are measured.
import type { AnyTensor, AttentionOptions } from "../../attention/options.js";
import type { RotaryOptions } from "../../attention/rotary.js";
import type { KVCache } from "../../cache/kv-cache.js";
import type { Masks } from "../masks.js";

export interface MultiHeadAttentionOptions {
  /** E */
  readonly embedDim: number;
  /** Divides embedDim. */
  readonly numHeads: number;
  /** Heads of keys and values, a divisor of numHeads; default numHeads. */
  readonly numKvHeads?: number;
  /** Of the projections; default true. */
  readonly bias?: boolean;
  /** A learned key and value at the end of every sequence; default false. */
  readonly addBiasKv?: boolean;
  /** A key and value of zeros at the very end; default false. */
  readonly addZeroAttn?: boolean;
  /** Features of key and value; default embedDim. */
  readonly kdim?: number;
  readonly vdim?: number;
  /** Tensors are [N, L, E] instead of [L, N, E]; default false, as in PyTorch. */
  readonly batchFirst?: boolean;
  /** How a query and a key are compared: q . k, or w sum tanh(s (q + k)) with a learned w (Keras); default `'dot'`. */
  readonly scoreMode?: "dot" | "concat";
  /** A learned factor in place of 1 / sqrt(head size); with `'concat'` the s above. Default false. */
  readonly learnedScale?: boolean;
  /** The heads' output times sigmoid(W query + b), before the last projection (Keras); default false. */
  readonly gate?: boolean;
  /** Queries and keys of each head are normalised (Henry et al. 2020); default none. */
  readonly qkNorm?: "rms" | "layer";
  /** Queries and keys are turned by their position (Su et al. 2021); true for the defaults of `engine.rotaryEmbedding`. */
  readonly rotary?: boolean | Pick<RotaryOptions, "base" | "interleaved" | "rotaryDim">;
}

/** Options of engine.attention that pass through. */
export const PASSED = [
  "causal",
  "window",
  "softcap",
  "keyLengths",
  "queryLengths",
  "segments",
  "blockMask",
  "alibiSlopes",
  "relativeBias",
  "sinks",
] as const;

export interface MultiHeadAttentionInputs extends Masks, Pick<AttentionOptions, (typeof PASSED)[number]> {
  /** Give `weights`; default false. */
  readonly needWeights?: boolean;
  /** The mean over heads; default true, as in PyTorch. */
  readonly averageAttnWeights?: boolean;
  /**
   * From `engine.kvCache({ batch: N, kvHeads: numKvHeads, headDim: embedDim / numHeads, ... })`: self-attention of new tokens,
   * which are appended to it, over all that are in it. The diagonal of `causal` ends at the last token, and is the default.
   */
  readonly cache?: KVCache;
}

export interface MultiHeadAttentionResult<T extends AnyTensor> {
  /** [L, N, E], [N, L, E] or [L, E], as the query */
  readonly output: T;
  /** float32 [N, L, S'], or [N, heads, L, S'], without N where the query has none; S' counts added keys too */
  readonly weights?: T;
}

export const OPTIONS = [
  "embedDim",
  "numHeads",
  "numKvHeads",
  "bias",
  "addBiasKv",
  "addZeroAttn",
  "kdim",
  "vdim",
  "batchFirst",
  "scoreMode",
  "learnedScale",
  "gate",
  "qkNorm",
  "rotary",
];

export interface SequenceSizes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly batched: boolean;
}

/** @internal Sizes of [L, N, E], [N, L, E] or [L, E] and their keys. */
export function sequenceSizes(query: readonly number[], key: readonly number[], batchFirst: boolean): SequenceSizes {
  const batched = query.length === 3;
  const lengthAxis = batched && batchFirst ? 1 : 0;
  return {
    batch: batched ? query[1 - lengthAxis]! : 1,
    queries: query[lengthAxis]!,
    keys: key[lengthAxis]!,
    batched,
  };
}
