// What engine.kvCache and its methods take.
import type { Causal, AttentionOptions } from "../attention/options.js";
import type { RotaryOptions } from "../attention/rotary.js";
import type { CACHE_DTYPES } from "./layout.js";

/** Options of `engine.kvCache`. */
export interface KVCacheOptions {
  /** B, sequences held side by side; default 1. */
  readonly batch?: number;
  /** Hk, heads of keys and values; queries may have any multiple of them. */
  readonly kvHeads: number;
  /** D, channels of a key. */
  readonly headDim: number;
  /** Dv, channels of a value; default headDim. */
  readonly valueDim?: number;
  /**
   * Tokens each sequence may hold. With `window`, the newest tokens that are kept (pinned ones besides): at least window, and
   * window + n - 1 where chunks of n tokens are appended; default window + 255. With `pages`, default all that fit in them.
   */
  readonly capacity?: number;
  /** Default float32. int8 and int4 have one scale for each key, or value, and 32 channels. */
  readonly dtype?: keyof typeof CACHE_DTYPES;
  /** Makes a ring: a query sees the last `window` tokens, itself among them, and older ones are given up. */
  readonly window?: number;
  /** With `window`: the first tokens, which stay visible (attention sinks, Xiao et al. 2023); default 0. */
  readonly pinned?: number;
  /** Draws pages of 64 tokens on demand from so many, shared by the sequences and by forks; else memory for all is taken. */
  readonly pages?: number;
  /** Rotates keys when they are appended and queries when they attend, as `engine.rotaryEmbedding`; default false. */
  readonly rotary?: boolean | CacheRotaryOptions;
}

/** Options of the rotary embedding that a cache applies. Tables are [P, rotaryDim / 2], by position. */
export type CacheRotaryOptions = Pick<RotaryOptions, "base" | "interleaved" | "rotaryDim" | "cos" | "sin">;

/** Options of `cache.append`. */
export interface AppendOptions {
  /** [B]: only the tokens before this one are appended; default all. */
  readonly lengths?: readonly number[] | Int32Array;
  /** [B]: the tokens before this one are padding and not kept; positions count from the first that is. */
  readonly leftPadding?: readonly number[] | Int32Array;
  /** Order of the axes of key and value; default BHSD. */
  readonly layout?: "BHSD" | "BSHD";
  /** [n] or [B, n], with `rotary`: positions to rotate by, other than where the tokens are kept (nodes of a tree, say). */
  readonly positions?: readonly number[] | Int32Array;
}

/**
 * Options of `cache.attention`: those of `engine.attention` but keyLengths. The queries are the last tokens of their sequence:
 * that is where `causal` (default true), windows and ALiBi count from. The key axis of masks, biases and weights is the
 * longest sequence.
 */
export interface CacheAttentionOptions extends Omit<AttentionOptions, "keyLengths"> {
  readonly causal?: Causal;
  /** [Sq] or [B, Sq], with `rotary`: positions to rotate by. */
  readonly positions?: readonly number[] | Int32Array;
}

/** Options of `cache.fork`. */
export interface ForkOptions {
  /** Which sequence each of the fork's is to continue (a beam search's choice); default all of them in order. */
  readonly items?: readonly number[] | Int32Array;
}

/** Bytes of linear memory. */
export interface CacheBytes {
  /** One page of 64 tokens, keys and values of all heads. */
  readonly page: number;
  /** Pages this cache holds, each counted once. */
  readonly used: number;
  /** Those of them that other caches hold too. */
  readonly shared: number;
  /** Taken from the engine by this cache and its forks together, in use or not. */
  readonly reserved: number;
}
