// What a Transformer's decoder keeps between steps: the keys and values of the tokens so far, and those of the encoder's output.
import type { AttentionOptions } from "../../attention/options.js";
import { KVCache } from "../../cache/kv-cache.js";
import type { KVCacheOptions } from "../../cache/options.js";
import type { Core } from "../../engine/core.js";
import { wrongKind } from "../../errors.js";
import type { Tensor } from "../../tensor.js";
import type { SequenceSizes } from "./multi-head-options.js";
import type { TransformerDecoderLayer } from "./transformer-layer.js";

/** Options of `decoder.cache`: of each layer's `engine.kvCache`. */
export interface DecoderCacheOptions extends Pick<KVCacheOptions, "dtype" | "window" | "pinned" | "pages"> {
  /** Most tokens of tgt. */
  readonly capacity: number;
}

/** From `decoder.cache`; dispose of it when done. */
export class DecoderCache {
  /** @internal */
  readonly sizes: SequenceSizes;
  /** @internal Options of the attention to the encoder's output. */
  readonly cross: AttentionOptions;
  readonly #self: KVCache[] = [];
  readonly #memory: (readonly [Tensor, Tensor])[] = [];
  #disposed = false;

  /** @internal */
  constructor(
    core: Core,
    layers: readonly TransformerDecoderLayer[],
    memory: Tensor,
    sizes: SequenceSizes,
    cross: AttentionOptions,
    options: DecoderCacheOptions,
  ) {
    this.sizes = sizes;
    this.cross = cross;
    try {
      for (const { selfAttention, crossAttention } of layers) {
        const { numKvHeads: kvHeads, headDim } = selfAttention;
        this.#self.push(KVCache.create(core, { ...options, batch: sizes.batch, kvHeads, headDim }));
        this.#memory.push(crossAttention.project(memory));
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Tokens so far. */
  get length(): number {
    return this.#self[0]!.lengths[0] ?? 0;
  }

  /** @internal Layer i's. */
  at(i: number): { self: KVCache; memory: readonly [Tensor, Tensor] } {
    if (this.#disposed) throw wrongKind("ERR_DISPOSED", "cache was disposed of");
    return { self: this.#self[i]!, memory: this.#memory[i]! };
  }

  /** Forgets all but the first tokens. */
  truncate(length: number): void {
    for (const cache of this.#self) if (cache.lengths.some((n) => n > length)) cache.truncate(length);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const cache of this.#self) cache.dispose();
    for (const tensors of this.#memory) for (const tensor of tensors) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
