// Masks of Transformers under the names PyTorch gives them, checked and made options of the attention layers.
import type { AnyTensor, AttentionOptions, Causal } from "../../attention/options.js";
import { wrongValue } from "../../errors.js";
import { floatCode, type Operand, sameDType } from "../../operand.js";
import { showShape } from "../../shape.js";
import type { AttnMask } from "../masks.js";
import type { AttentionWatch } from "./attention-watch.js";
import type { MultiHeadAttention } from "./multi-head-attention.js";
import { type SequenceSizes, sequenceSizes } from "./multi-head-options.js";

export interface EncoderInputs extends AttentionWatch {
  /** Which positions see which: floats are added; booleans as `{ hidden }` or `{ attend }`; [L, L] or [N * heads, L, L] */
  readonly srcMask?: AttnMask;
  /** [N, L]: true = padding; floats are added. */
  readonly srcKeyPaddingMask?: AnyTensor;
  /** Positions see only themselves and what is before them. */
  readonly srcCausal?: Causal;
}

export interface DecoderInputs extends AttentionWatch {
  /** [L, L] or [N * heads, L, L] */
  readonly tgtMask?: AttnMask;
  /** [L, S] or [N * heads, L, S] */
  readonly memoryMask?: AttnMask;
  /** [N, L]: true = padding; floats are added. */
  readonly tgtKeyPaddingMask?: AnyTensor;
  /** [N, S]: true = padding; floats are added. */
  readonly memoryKeyPaddingMask?: AnyTensor;
  /** Positions of tgt see only themselves and what is before them. */
  readonly tgtCausal?: Causal;
}

export const ENCODER_INPUTS = ["srcMask", "srcKeyPaddingMask", "srcCausal", "onWeights"];
export const DECODER_INPUTS = [
  "tgtMask",
  "memoryMask",
  "tgtKeyPaddingMask",
  "memoryKeyPaddingMask",
  "tgtCausal",
  "onWeights",
] as const satisfies readonly (keyof DecoderInputs)[];

/** Sizes of x [L, N, width], [N, L, width] or [L, width]. */
export function checkSequences(x: Operand, width: number, batchFirst: boolean): SequenceSizes {
  floatCode(x);
  const { name, shape } = x;
  if ((shape.length !== 2 && shape.length !== 3) || shape.at(-1) !== width) {
    const wanted = batchFirst ? `[N, L, ${width}]` : `[L, N, ${width}]`;
    throw wrongValue("ERR_SHAPE", `${name}.shape must be ${wanted} or [L, ${width}]: got ${showShape(shape)}`);
  }
  return sequenceSizes(shape, shape, batchFirst);
}

export function prepareEncoder(
  attention: MultiHeadAttention,
  { srcMask, srcKeyPaddingMask, srcCausal }: EncoderInputs,
  sizes: SequenceSizes,
): AttentionOptions {
  return attention.prepare(named(srcMask, srcKeyPaddingMask, srcCausal), sizes, {
    attnMask: "srcMask",
    keyPaddingMask: "srcKeyPaddingMask",
  });
}

/** @param layer any layer of the decoder: its sizes are those of all */
export function prepareDecoder(
  layer: {
    readonly dModel: number;
    readonly batchFirst: boolean;
    readonly selfAttention: MultiHeadAttention;
    readonly crossAttention: MultiHeadAttention;
  },
  [tgt, memory]: readonly [Operand, Operand],
  inputs: DecoderInputs,
): { self: AttentionOptions; cross: AttentionOptions } {
  const { dModel, batchFirst } = layer;
  sameDType(tgt, memory);
  const own = checkSequences(tgt, dModel, batchFirst);
  const source = checkSequences(memory, dModel, batchFirst);
  if (own.batched !== source.batched || own.batch !== source.batch) {
    throw wrongValue(
      "ERR_SHAPE",
      `memory.shape must have the batch of tgt.shape ${showShape(tgt.shape)}: got ${showShape(memory.shape)}`,
    );
  }
  const self = layer.selfAttention.prepare(named(inputs.tgtMask, inputs.tgtKeyPaddingMask, inputs.tgtCausal), own, {
    attnMask: "tgtMask",
    keyPaddingMask: "tgtKeyPaddingMask",
  });
  const cross = prepareCross(layer.crossAttention, inputs, { ...own, keys: source.keys });
  return { self, cross };
}

/** Options of the attention over the encoder's output. */
export function prepareCross(
  attention: MultiHeadAttention,
  { memoryMask, memoryKeyPaddingMask }: DecoderInputs,
  sizes: SequenceSizes,
): AttentionOptions {
  return attention.prepare(named(memoryMask, memoryKeyPaddingMask), sizes, {
    attnMask: "memoryMask",
    keyPaddingMask: "memoryKeyPaddingMask",
  });
}

function named(attnMask?: AttnMask, keyPaddingMask?: AnyTensor, causal?: Causal) {
  return {
    ...(attnMask !== undefined && { attnMask }),
    ...(keyPaddingMask !== undefined && { keyPaddingMask }),
    ...(causal !== undefined && { causal }),
  };
}
