// The engine as users see it: one method per operation, each a line to the room that does the work.
import { additiveAttention, type AdditiveOptions, type AdditiveResult } from "./attention/additive.js";
import { attention, attentionScores, type ScoreOptions } from "./attention/attention.js";
import { type AttentionPart, mergeAttention, type MergeOptions } from "./attention/merge.js";
import type { AnyTensor, AttentionOptions, AttentionResult, Exact } from "./attention/options.js";
import { attentionPooling, type PoolingResult } from "./attention/pooling.js";
import { rotaryEmbedding, type RotaryOptions } from "./attention/rotary.js";
import { KVCache } from "./cache/kv-cache.js";
import type { KVCacheOptions } from "./cache/options.js";
import type { Core, EngineInfo } from "./engine/core.js";
import { linear } from "./layers/linear.js";
import type { HostData, HostTensor } from "./host-tensor.js";
import { type Tensor, upload } from "./tensor.js";

/**
 * Attention over one linear memory. Every operation takes host tensors and gives host tensors, or takes resident
 * ones and gives resident ones; all of them check everything before they write anything, and throw TypeError or
 * RangeError with a stable `code` (docs/errors.md).
 */
export class Engine {
  /** @internal */
  readonly core: Core;

  private constructor(core: Core) {
    this.core = core;
  }

  /** @internal Use `load` or `loadSync`. */
  static on(core: Core): Engine {
    return new Engine(core);
  }

  /** The build, threads and memory in use, and why a wish could not be met. */
  get info(): EngineInfo {
    return this.core.info;
  }

  /** A resident copy of a host tensor; dispose of it when done. */
  tensor(host: HostTensor): Tensor {
    this.core.open();
    return upload(this.core, host);
  }

  /**
   * softmax(mask(bias(softcap(scale * similarity(Q, K))))) V, without a matrix of queries by keys
   * (Vaswani et al. 2017, eq. 1; computed as Dao et al. 2022, algorithm 1).
   * @param query [B, H, Sq, D], or without B, or without both; any axes before H count as the batch
   * @param key [B or 1, Hk, Sk, D]; Hk divides H, query head h uses key head floor(h Hk / H)
   * @param value [B or 1, Hk, Sk, Dv]
   * @returns output [B, H, Sq, Dv]; a query without any key gives zeros, weights 0 and lse -Infinity
   */
  attention<const O extends AttentionOptions = Record<never, never>>(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options?: O & Exact<O>,
  ): AttentionResult<Tensor, O>;
  attention<D extends HostData, const O extends AttentionOptions = Record<never, never>>(
    query: HostTensor<D>,
    key: HostTensor<D>,
    value: HostTensor<D>,
    options?: O & Exact<O>,
  ): AttentionResult<HostTensor<D>, O, HostTensor<Float32Array<ArrayBuffer>>>;
  attention(query: AnyTensor, key: AnyTensor, value: AnyTensor, options: unknown = {}): unknown {
    return attention(this.core, query, key, value, options as AttentionOptions);
  }

  /**
   * The scores before the softmax, float32 [B, H, Sq, Sk] or of chosen rows and heads: after the scale, the softcap,
   * or bias and masks. A matrix of queries by keys.
   */
  attentionScores<T extends Tensor | HostTensor>(query: T, key: T, options: ScoreOptions = {}): T {
    return attentionScores(this.core, query, key, options);
  }

  /**
   * Pools a sequence by its own attention: scores_n = x_n . sum_m x_m, weights = softmax, context = sum_n weights_n x_n.
   * @param x [B, N, D] or [N, D]
   */
  attentionPooling<T extends Tensor | HostTensor>(x: T): PoolingResult<T> {
    return attentionPooling(this.core, x);
  }

  /**
   * Additive attention, score(q, k) = v . tanh(Wq q + Wk k + b) (Bahdanau, Cho and Bengio 2015, eq. 6).
   * @param query [B, Sq, Dq] or [Sq, Dq]
   * @param key [B, Sk, Dk] or [Sk, Dk]
   * @param value [B, Sk, Dv] or [Sk, Dv]
   */
  additiveAttention<T extends Tensor | HostTensor>(
    query: T,
    key: T,
    value: T,
    options: AdditiveOptions = {},
  ): AdditiveResult<T> {
    return additiveAttention(this.core, query, key, value, options);
  }

  /**
   * Turns pairs of channels by angles that grow with the position (Su et al. 2021, eq. 34).
   * @param input [B, H, S, D], or without B, or without both
   */
  rotaryEmbedding<T extends Tensor | HostTensor>(input: T, options: RotaryOptions = {}): T {
    return rotaryEmbedding(this.core, input, options);
  }

  /**
   * Merges attention over disjoint sets of keys exactly: lse = log sum_p e^lse_p, output = sum_p e^(lse_p - lse) output_p.
   * Where sinks were used, only one part may have had them.
   */
  mergeAttention<T extends Tensor | HostTensor>(
    parts: readonly AttentionPart<T>[],
    options: MergeOptions = {},
  ): AttentionPart<T> {
    return mergeAttention(this.core, parts, options);
  }

  /**
   * Room for the keys and values of `batch` sequences, appended to as they come: all of them up to `capacity`, a ring of
   * the last `window`, or pages drawn on demand from a pool.
   */
  kvCache(options: KVCacheOptions): KVCache {
    return KVCache.create(this.core, options);
  }

  /** x W^T + b as torch.nn.functional.linear: x [..., In], weight [Out, In], bias [Out]. */
  linear<T extends Tensor | HostTensor>(x: T, weight: T, bias?: T): T {
    return linear(this.core, x, weight, bias);
  }

  /** Frees everything; tensors and calls after it throw ERR_DISPOSED and ERR_CLOSED. */
  close(): void {
    this.core.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
