// Stacks of Transformer layers: torch.nn.TransformerEncoder, TransformerDecoder and Transformer.
import type { AnyTensor, AttentionOptions } from "../../attention/options.js";
import { boolean, integer, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { show, wrongKind, wrongValue } from "../../errors.js";
import { operand, sameDType } from "../../operand.js";
import type { Tensor } from "../../tensor.js";
import { Module } from "../module.js";
import { withTemporaries } from "../temporaries.js";
import { type AttentionWatch, inside, type Watch, watched } from "./attention-watch.js";
import { DecoderCache, type DecoderCacheOptions } from "./decoder-cache.js";
import { LayerNorm } from "./normalization.js";
import {
  checkSequences,
  DECODER_INPUTS,
  type DecoderInputs,
  ENCODER_INPUTS,
  type EncoderInputs,
  prepareCross,
  prepareDecoder,
  prepareEncoder,
} from "./transformer-inputs.js";
import {
  LAYER_OPTIONS,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer-layer.js";

export interface TransformerStackOptions extends TransformerLayerOptions {
  readonly numLayers: number;
  /** A LayerNorm behind the last layer; default false, as in PyTorch without `norm`. */
  readonly norm?: boolean;
}

const STACK_OPTIONS = [...LAYER_OPTIONS, "numLayers", "norm"];

abstract class Stack<L extends Module> extends Module {
  /** @internal */
  readonly layers: readonly L[];
  readonly #norm: LayerNorm | undefined;

  constructor(engine: Engine, options: TransformerStackOptions, make: (options: TransformerLayerOptions) => L) {
    super(engine);
    knownOptions(options, STACK_OPTIONS);
    const { numLayers, norm = false, ...layer } = options;
    integer("numLayers", numLayers, 1);
    boolean("norm", norm);
    this.layers = Array.from({ length: numLayers }, (_, i) => this.child(`layers.${i}`, () => make(layer)));
    const { dModel, layerNormEps: eps, bias = true } = layer;
    const last = { normalizedShape: dModel, bias, ...(eps !== undefined && { eps }) };
    this.#norm = norm ? this.child("norm", () => new LayerNorm(engine, last)) : undefined;
  }

  /** One layer after the other; what a layer gave is freed once the next has used it. */
  protected through(x: Tensor, step: (layer: L, x: Tensor, index: number) => Tensor): Tensor {
    let current = x;
    const move = (next: () => Tensor) => {
      const previous = current;
      try {
        current = next();
      } finally {
        if (previous !== x) previous.dispose();
      }
    };
    for (const [index, layer] of this.layers.entries()) move(() => step(layer, current, index));
    const norm = this.#norm;
    if (norm) move(() => norm.run(current));
    return current;
  }
}

/** Parameters: `layers.0.*` ..., with `norm: true` also `norm.weight`, `norm.bias`. */
export class TransformerEncoder extends Stack<TransformerEncoderLayer> {
  constructor(engine: Engine, options: TransformerStackOptions) {
    super(engine, options, (layer) => new TransformerEncoderLayer(engine, layer));
  }

  /** src [L, N, dModel], with batchFirst [N, L, dModel], or [L, dModel] -> the same shape */
  forward<T extends AnyTensor>(src: T, inputs: EncoderInputs = {}): T {
    this.ready();
    knownOptions(inputs, ENCODER_INPUTS);
    const input = operand(this.core, "src", src);
    const { dModel, batchFirst, selfAttention } = this.layers[0]!;
    const options = prepareEncoder(selfAttention, inputs, checkSequences(input, dModel, batchFirst));
    return watched(this.core, [input], inputs, ([x], watch) => this.run(x!, options, watch));
  }

  /** @internal */
  run(src: Tensor, options: AttentionOptions, watch?: Watch): Tensor {
    return this.through(src, (layer, x, i) => layer.run(x, options, inside(watch, `layers.${i}`)));
  }
}

/** Parameters: `layers.0.*` ..., with `norm: true` also `norm.weight`, `norm.bias`. */
export class TransformerDecoder extends Stack<TransformerDecoderLayer> {
  constructor(engine: Engine, options: TransformerStackOptions) {
    super(engine, options, (layer) => new TransformerDecoderLayer(engine, layer));
  }

  /**
   * @param tgt [L, N, dModel], with batchFirst [N, L, dModel], or [L, dModel]
   * @param memory [S, N, dModel] in the same order: what the encoder gave
   */
  forward<T extends AnyTensor>(tgt: T, memory: T, inputs: DecoderInputs = {}): T {
    this.ready();
    knownOptions(inputs, DECODER_INPUTS);
    const { core } = this;
    const operands = [operand(core, "tgt", tgt), operand(core, "memory", memory)] as const;
    const { self, cross } = prepareDecoder(this.layers[0]!, operands, inputs);
    return watched(core, operands, inputs, ([x, source], watch) => this.run(x!, source!, self, cross, watch));
  }

  /**
   * Room for decoding step by step: the encoder's output, projected once, and the keys and values of tgt as they come.
   * @param memory [S, N, dModel], with batchFirst [N, S, dModel], or [S, dModel]
   */
  cache(memory: AnyTensor, options: DecoderCacheOptions & Pick<DecoderInputs, "memoryKeyPaddingMask">): DecoderCache {
    this.ready();
    knownOptions(options, ["capacity", "dtype", "window", "pinned", "pages", "memoryKeyPaddingMask"]);
    const { core, layers } = this;
    const { dModel, batchFirst, crossAttention } = layers[0]!;
    const { memoryKeyPaddingMask, ...rest } = options;
    const source = operand(core, "memory", memory);
    const sizes = checkSequences(source, dModel, batchFirst);
    const masks = memoryKeyPaddingMask === undefined ? {} : { memoryKeyPaddingMask };
    const cross = prepareCross(crossAttention, masks, sizes);
    let made: DecoderCache | undefined;
    composite(core, [source], [], ([tensor]) => {
      made = new DecoderCache(core, layers, tensor!, sizes, cross, rest);
      return {};
    });
    return made!;
  }

  /**
   * The next tokens of tgt: what `forward` with `tgtCausal` would give for them after all that came before. When it fails, the
   * cache is as it was.
   * @param tgt [n, N, dModel], with batchFirst [N, n, dModel], or [n, dModel]
   */
  step<T extends AnyTensor>(tgt: T, cache: DecoderCache, inputs: AttentionWatch = {}): T {
    this.ready();
    knownOptions(inputs, ["onWeights"]);
    if (!(cache instanceof DecoderCache)) {
      throw wrongKind("ERR_ARGUMENT_TYPE", `cache must be from decoder.cache: got ${show(cache)}`);
    }
    const { core } = this;
    const { dModel, batchFirst } = this.layers[0]!;
    const input = operand(core, "tgt", tgt);
    const { batch, batched } = checkSequences(input, dModel, batchFirst);
    if (batch !== cache.sizes.batch || batched !== cache.sizes.batched) {
      throw wrongValue("ERR_SHAPE", `tgt.shape must have the batch of memory, ${cache.sizes.batch}: got ${batch}`);
    }
    cache.at(0);
    const before = cache.length;
    try {
      return watched(core, [input], inputs, ([x], watch) =>
        this.through(x!, (layer, y, i) => {
          const { self, memory } = cache.at(i);
          const seenBy = (name: string) => watch && ((weights: Tensor) => watch(weights, `layers.${i}.${name}`));
          return layer.steps(
            y,
            (z) => layer.selfAttention.runCached(z, self, {}, seenBy("self_attn")),
            (z) => layer.crossAttention.runProjected(z, memory, cache.cross, seenBy("multihead_attn")),
          );
        }),
      );
    } catch (error) {
      cache.truncate(before);
      throw error;
    }
  }

  /** @internal */
  run(tgt: Tensor, memory: Tensor, self: AttentionOptions, cross: AttentionOptions, watch?: Watch): Tensor {
    return this.through(tgt, (layer, x, i) => layer.run(x, memory, self, cross, inside(watch, `layers.${i}`)));
  }
}

export interface TransformerOptions extends Omit<TransformerLayerOptions, "dModel" | "nhead"> {
  /** Default 512. */
  readonly dModel?: number;
  /** Default 8. */
  readonly nhead?: number;
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
}

export interface TransformerInputs extends EncoderInputs, DecoderInputs {}

/** Encoder and decoder, each with a norm at its end. Parameters: `encoder.*`, `decoder.*`. */
export class Transformer extends Module {
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;

  constructor(engine: Engine, options: TransformerOptions = {}) {
    super(engine);
    knownOptions(options, [...LAYER_OPTIONS, "numEncoderLayers", "numDecoderLayers"]);
    const { numEncoderLayers = 6, numDecoderLayers = 6, dModel = 512, nhead = 8, ...rest } = options;
    const layer = { ...rest, dModel, nhead, norm: true };
    integer("numEncoderLayers", numEncoderLayers, 1);
    integer("numDecoderLayers", numDecoderLayers, 1);
    this.encoder = this.child(
      "encoder",
      () => new TransformerEncoder(engine, { ...layer, numLayers: numEncoderLayers }),
    );
    this.decoder = this.child(
      "decoder",
      () => new TransformerDecoder(engine, { ...layer, numLayers: numDecoderLayers }),
    );
  }

  /** src and tgt as `encoder` and `decoder` take them -> the shape of tgt */
  forward<T extends AnyTensor>(src: T, tgt: T, inputs: TransformerInputs = {}): T {
    this.ready();
    knownOptions(inputs, [...ENCODER_INPUTS, ...DECODER_INPUTS]);
    const { core } = this;
    const operands = [operand(core, "src", src), operand(core, "tgt", tgt)] as const;
    sameDType(...operands);
    const { dModel, batchFirst, selfAttention } = this.encoder.layers[0]!;
    const options = prepareEncoder(selfAttention, inputs, checkSequences(operands[0], dModel, batchFirst));
    // The memory has the shape of src
    const memory = { ...operands[0], name: "src" };
    const { self, cross } = prepareDecoder(this.decoder.layers[0]!, [operands[1], memory], inputs);
    return watched(core, operands, inputs, ([source, target], watch) =>
      withTemporaries((keep) => {
        const encoded = keep(this.encoder.run(source!, options, inside(watch, "encoder")));
        return keep(this.decoder.run(target!, encoded, self, cross, inside(watch, "decoder")));
      }),
    );
  }
}
