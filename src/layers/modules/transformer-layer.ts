// One layer of a Transformer: torch.nn.TransformerEncoderLayer and TransformerDecoderLayer (Vaswani et al. 2017, section 3.1),
// with the normalisation after each step or before it (Xiong et al. 2020).
import type { AnyTensor, AttentionOptions } from "../../attention/options.js";
import { boolean, choice, integer, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import { operand } from "../../operand.js";
import type { Tensor } from "../../tensor.js";
import { ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_RELU, ACTIVATION_SILU } from "../abi.generated.js";
import { sum } from "../elementwise.js";
import { Module } from "../module.js";
import { withTemporaries } from "../temporaries.js";
import { type Watch, watched } from "./attention-watch.js";
import { Linear } from "./linear.js";
import { MultiHeadAttention } from "./multi-head-attention.js";
import type { MultiHeadAttentionOptions } from "./multi-head-options.js";
import { LayerNorm } from "./normalization.js";
import {
  checkSequences,
  DECODER_INPUTS,
  type DecoderInputs,
  ENCODER_INPUTS,
  type EncoderInputs,
  prepareDecoder,
  prepareEncoder,
} from "./transformer-inputs.js";

const ACTIVATIONS = {
  relu: ACTIVATION_RELU,
  gelu: ACTIVATION_GELU,
  "gelu-tanh": ACTIVATION_GELU_TANH,
  silu: ACTIVATION_SILU,
};

export interface TransformerLayerOptions
  extends Pick<MultiHeadAttentionOptions, "numKvHeads" | "qkNorm" | "rotary" | "bias"> {
  readonly dModel: number;
  readonly nhead: number;
  /** Default 2048. */
  readonly dimFeedforward?: number;
  /** Default `'relu'`; `'gelu'` is the exact one. */
  readonly activation?: keyof typeof ACTIVATIONS;
  /** Default 1e-5. */
  readonly layerNormEps?: number;
  /** Tensors are [N, L, dModel] instead of [L, N, dModel]; default false. */
  readonly batchFirst?: boolean;
  /** Normalise before attention and feed-forward instead of after; default false. */
  readonly normFirst?: boolean;
}

export const LAYER_OPTIONS = [
  "dModel",
  "nhead",
  "dimFeedforward",
  "activation",
  "layerNormEps",
  "batchFirst",
  "normFirst",
  "bias",
  "numKvHeads",
  "qkNorm",
  "rotary",
];

abstract class TransformerLayer extends Module {
  readonly dModel: number;
  readonly batchFirst: boolean;
  readonly normFirst: boolean;
  /** @internal */
  readonly selfAttention: MultiHeadAttention;
  protected readonly norms: readonly LayerNorm[];
  readonly #linear1: Linear;
  readonly #linear2: Linear;
  readonly #activation: number;

  constructor(engine: Engine, options: TransformerLayerOptions, norms: number) {
    super(engine);
    knownOptions(options, LAYER_OPTIONS);
    const { dModel, nhead, layerNormEps: eps, dimFeedforward = 2048, activation = "relu", ...attention } = options;
    this.dModel = integer("dModel", dModel, 1);
    integer("nhead", nhead, 1);
    const width = integer("dimFeedforward", dimFeedforward, 1);
    const kind = choice("activation", activation, Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[]);
    this.#activation = ACTIVATIONS[kind];
    this.batchFirst = boolean("batchFirst", options.batchFirst ?? false);
    this.normFirst = boolean("normFirst", options.normFirst ?? false);
    const bias = boolean("bias", options.bias ?? true);
    const { normFirst: _, ...heads } = attention;
    this.selfAttention = this.child(
      "self_attn",
      () => new MultiHeadAttention(engine, { ...heads, embedDim: dModel, numHeads: nhead }),
    );
    this.addBetween(engine, { dModel, nhead, bias, batchFirst: this.batchFirst });
    this.#linear1 = this.child("linear1", () => new Linear(engine, { inFeatures: dModel, outFeatures: width, bias }));
    this.#linear2 = this.child("linear2", () => new Linear(engine, { inFeatures: width, outFeatures: dModel, bias }));
    const norm = { normalizedShape: dModel, bias, ...(eps !== undefined && { eps }) };
    this.norms = Array.from({ length: norms }, (_, i) => this.child(`norm${i + 1}`, () => new LayerNorm(engine, norm)));
  }

  /** What PyTorch has between the self-attention and the feed-forward. */
  protected addBetween(
    _engine: Engine,
    _options: { dModel: number; nhead: number; bias: boolean; batchFirst: boolean },
  ): void {}

  /** x + step(norm(x)), or norm(x + step(x)) */
  protected residual(x: Tensor, norm: LayerNorm, step: (x: Tensor) => Tensor): Tensor {
    return withTemporaries((keep) => {
      const from = this.normFirst ? keep(norm.run(x)) : x;
      const added = keep(sum(this.core, x, keep(step(from))));
      return this.normFirst ? added : keep(norm.run(added));
    });
  }

  protected feedForward(x: Tensor): Tensor {
    return withTemporaries((keep) => {
      const inner = keep(this.#linear1.run(x, { kind: this.#activation }));
      return keep(this.#linear2.run(inner));
    });
  }
}

function attend(
  attention: MultiHeadAttention,
  query: Tensor,
  memory: Tensor,
  options: AttentionOptions,
  name: string,
  watch: Watch | undefined,
): Tensor {
  const { output, weights } = attention.run(query, memory, memory, options, watch !== undefined, false);
  if (weights) watch!(weights, name);
  return output;
}

/** Parameters: `self_attn.*`, `linear1.*`, `linear2.*`, `norm1.*`, `norm2.*`. Dropout belongs to training. */
export class TransformerEncoderLayer extends TransformerLayer {
  constructor(engine: Engine, options: TransformerLayerOptions) {
    super(engine, options, 2);
  }

  /** src [L, N, dModel], with batchFirst [N, L, dModel], or [L, dModel] -> the same shape */
  forward<T extends AnyTensor>(src: T, inputs: EncoderInputs = {}): T {
    this.ready();
    knownOptions(inputs, ENCODER_INPUTS);
    const input = operand(this.core, "src", src);
    const sizes = checkSequences(input, this.dModel, this.batchFirst);
    const options = prepareEncoder(this.selfAttention, inputs, sizes);
    return watched(this.core, [input], inputs, ([x], watch) => this.run(x!, options, watch));
  }

  /** @internal */
  run(src: Tensor, options: AttentionOptions, watch?: Watch): Tensor {
    return withTemporaries((keep) => {
      const attended = keep(
        this.residual(src, this.norms[0]!, (x) => attend(this.selfAttention, x, x, options, "self_attn", watch)),
      );
      return keep(this.residual(attended, this.norms[1]!, (x) => this.feedForward(x)));
    });
  }
}

/** Parameters: `self_attn.*`, `multihead_attn.*`, `linear1.*`, `linear2.*`, `norm1.*`, `norm2.*`, `norm3.*`. */
export class TransformerDecoderLayer extends TransformerLayer {
  /** @internal */
  declare readonly crossAttention: MultiHeadAttention;

  constructor(engine: Engine, options: TransformerLayerOptions) {
    super(engine, options, 3);
  }

  protected override addBetween(
    engine: Engine,
    { dModel, nhead, bias, batchFirst }: { dModel: number; nhead: number; bias: boolean; batchFirst: boolean },
  ): void {
    const make = () => new MultiHeadAttention(engine, { embedDim: dModel, numHeads: nhead, bias, batchFirst });
    (this as { crossAttention: MultiHeadAttention }).crossAttention = this.child("multihead_attn", make);
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
    const { self, cross } = prepareDecoder(this, operands, inputs);
    return watched(core, operands, inputs, ([x, source], watch) => this.run(x!, source!, self, cross, watch));
  }

  /** @internal */
  run(tgt: Tensor, memory: Tensor, self: AttentionOptions, cross: AttentionOptions, watch?: Watch): Tensor {
    return this.steps(
      tgt,
      (x) => attend(this.selfAttention, x, x, self, "self_attn", watch),
      (x) => attend(this.crossAttention, x, memory, cross, "multihead_attn", watch),
    );
  }

  /** @internal */
  steps(tgt: Tensor, self: (x: Tensor) => Tensor, cross: (x: Tensor) => Tensor): Tensor {
    return withTemporaries((keep) => {
      const first = keep(this.residual(tgt, this.norms[0]!, self));
      const second = keep(this.residual(first, this.norms[1]!, cross));
      return keep(this.residual(second, this.norms[2]!, (x) => this.feedForward(x)));
    });
  }
}
