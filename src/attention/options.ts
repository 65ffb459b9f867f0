// What engine.attention takes and gives; the host side of each option is in plan.ts, biases.ts and block-mask.ts.
import type { HostTensor } from "../host-tensor.js";
import type { Tensor } from "../tensor.js";
import type { BlockMask } from "./block-mask.js";

/** A tensor on either side: arrays of the host, or resident in the engine's memory. */
export type AnyTensor = HostTensor | Tensor;

/** How alike a query q and a key k are: the score before the softmax, times `scale`. */
export type Similarity =
  /** q . k (Vaswani et al. 2017, eq. 1) */
  | "dot"
  /** q . k / (max(|q|, 1e-8) max(|k|, 1e-8)) */
  | "cosine"
  /** -|q - k| */
  | "euclidean"
  /** -|q - k|^2: with scale 1 / h^2 the weights of non-local means (Buades et al. 2005) */
  | "squared-euclidean";

/** Where the diagonal lies: query i stands at key position i + offset. */
export interface Diagonal {
  /** One offset, or one per batch item. */
  readonly offset: number | readonly number[] | Int32Array;
}

/**
 * Which keys causal attention hides: those after the diagonal.
 * `true` only where there are as many queries as keys. `'upper-left'` puts query 0 at key 0, `'lower-right'` the last
 * query at the last key (per batch item where `keyLengths` or `queryLengths` are given).
 */
export type Causal = boolean | "upper-left" | "lower-right" | Diagonal;

/**
 * Keys seen left and right of the diagonal, -1 = open. Without `causal` the diagonal starts at key 0, or at `offset`.
 */
export type Window = readonly [left: number, right: number] | WindowAround;

/** A window whose diagonal is shifted without hiding what comes after it. */
export interface WindowAround extends Diagonal {
  readonly left: number;
  readonly right: number;
}

/** Integer ids: a query attends to the keys that have its id. */
export interface Segments {
  /** int32 [Sq] or [B, Sq] */
  readonly query: AnyTensor;
  /** int32 [Sk] or [B, Sk] */
  readonly key: AnyTensor;
}

/** Learned biases of T5 (Raffel et al. 2020, section 2.1): one per head and bucket of distances. */
export interface BucketedBias {
  /** float32 [buckets, H], as T5 stores it */
  readonly table: AnyTensor;
  /** Half of the buckets for keys after the query; default true. */
  readonly bidirectional?: boolean;
  /** Distances from here on share the last bucket; default 128. */
  readonly maxDistance?: number;
}

/** Queries and heads whose weights are wanted; all where one is left out. */
export interface WeightSelection {
  readonly rows?: readonly number[] | Int32Array;
  readonly heads?: readonly number[] | Int32Array;
}

/** Options of `engine.attention`. Order of the pipeline: scale, softcap, bias, mask, softmax. */
export interface AttentionOptions {
  /** Factor of the similarity; default 1 / sqrt(D) for `dot`, 1 for the others. */
  readonly scale?: number;
  readonly similarity?: Similarity;
  readonly causal?: Causal;
  readonly window?: Window;
  /** bool, true = attend; broadcast to [B, H, Sq, Sk] from the right */
  readonly mask?: AnyTensor;
  /** float, added to the scores; broadcast to [B, H, Sq, Sk] from the right */
  readonly bias?: AnyTensor;
  /** [B]: keys at and after this position are padding and never read. */
  readonly keyLengths?: readonly number[] | Int32Array;
  /** [B]: queries at and after this position are padding: zeros, lse -Infinity. */
  readonly queryLengths?: readonly number[] | Int32Array;
  /** int32 [S] or [B, S] where queries and keys share them, or both. */
  readonly segments?: AnyTensor | Segments;
  /** From `createBlockMask`; tiles it empties are never computed. */
  readonly blockMask?: BlockMask;
  /** float32 [H]; adds -slope * |distance| (Press et al. 2022); `alibiSlopes(heads)` gives the paper's. */
  readonly alibiSlopes?: AnyTensor;
  /**
   * float32 [H, 2R + 1] or [1, 2R + 1], indexed by key position - query position + R, clamped (Shaw et al. 2018);
   * or T5's buckets.
   */
  readonly relativeBias?: AnyTensor | BucketedBias;
  /** score -> softcap * tanh(score / softcap), softcap > 0 (Gemma 2, 2024) */
  readonly softcap?: number;
  /** float32 [H]: one more logit in each softmax, with no value (Xiao et al. 2024; gpt-oss, 2025). */
  readonly sinks?: AnyTensor;
  /** Order of the axes of query, key, value and output; default BHSD. lse and weights are always [B, H, ...]. */
  readonly layout?: "BHSD" | "BSHD";
  /** Give `lse`, the log-sum-exp of each row's scores. */
  readonly returnLse?: boolean;
  /** Give `weights`: all, or chosen rows and heads. All of them is a matrix of queries by keys. */
  readonly returnWeights?: boolean | WeightSelection;
  /** Give `statistics`: what the weights say, without ever holding them; about one more forward without its values. */
  readonly statistics?: readonly Statistic[];
}

/**
 * What `statistics` may ask for, each of the weights as they are (a sink's part counts nowhere):
 * `'entropy'` of each row in nats; `'distance'`: how far from the diagonal a row looks in the mean, in keys; `'mass'` of each
 * key, summed over queries; `'topK'` or `{ topK: k }`: the largest k (8) weights of each row and their keys;
 * `{ windowShare: [left, right] }`: the share of a row's weight at most so far before and after the diagonal, -1 = open.
 */
export type Statistic =
  | "entropy"
  | "distance"
  | "mass"
  | "topK"
  | { readonly topK: number }
  | { readonly windowShare: readonly [left: number, right: number] };

/** Each without the axes the query lacks; rows without a key are 0. */
interface Statistics<F> {
  /** float32 [B, H, Sq] */
  readonly entropy: F;
  /** float32 [B, H, Sq] */
  readonly distance: F;
  /** float32 [B, H, Sk] */
  readonly mass: F;
  /** int32 and float32 [B, H, Sq, k], the largest first; key -1 and weight 0 where a row has fewer */
  readonly topK: { readonly keys: StatisticKeys<F>; readonly weights: F };
  /** float32 [B, H, Sq] */
  readonly windowShare: F;
}

type StatisticKeys<F> = F extends Tensor ? Tensor : HostTensor<Int32Array<ArrayBuffer>>;

/** Those that a list names; any of them where the list is not a literal. */
export type StatisticsOf<L, F> = L extends readonly (infer S)[]
  ? number extends L["length"]
    ? Partial<Statistics<F>>
    : { readonly [N in keyof Statistics<F> & NameOf<S>]: Statistics<F>[N] }
  : never;
type NameOf<S> = S extends string ? S : keyof S;

/**
 * What `engine.attention` gives; host arrays for host arrays, resident tensors for resident tensors. What an option asks
 * for is there where the option is a literal, and may be there where only its type is known.
 * @typeParam F the float32 results
 */
export type AttentionResult<
  T extends AnyTensor,
  O extends AttentionOptions = AttentionOptions,
  F extends AnyTensor = T,
> = {
  /** [B, H, Sq, Dv] in the rank and layout of the query, and its dtype */
  readonly output: T;
} & Asked<O, "returnLse", true, { readonly lse: F }> &
  Asked<O, "returnWeights", true | WeightSelection, { readonly weights: F }> &
  Asked<O, "statistics", readonly Statistic[], { readonly statistics: StatisticsOf<O["statistics"], F> }>;

/**
 * `lse`: float32 [B, H, Sq]; `weights`: float32 [B, chosen heads, chosen rows, Sk]; both without the axes the query lacks.
 */
type Asked<O, Name extends keyof AttentionOptions, Yes, Result> = O extends { readonly [N in Name]: Yes }
  ? Result
  : Name extends keyof O
    ? O extends { readonly [N in Name]?: false | undefined }
      ? unknown
      : Partial<Result>
    : unknown;

/** Options that are objects themselves. */
interface Nested {
  causal: Diagonal;
  window: WindowAround;
  segments: Segments;
  relativeBias: BucketedBias;
  returnWeights: WeightSelection;
}

/** Rejects options that do not exist, also where the compiler infers the literal's own type. */
export type Exact<O, Known = AttentionOptions> = {
  readonly [K in keyof O]: K extends keyof Known
    ? K extends keyof Nested
      ? O[K] extends Nested[K]
        ? { readonly [N in keyof O[K]]: N extends keyof Nested[K] ? O[K][N] : never }
        : O[K]
      : O[K]
    : never;
};
