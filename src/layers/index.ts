// attention-wasm/layers: layers as torch.nn has them, forward, on an engine of attention-wasm. Their kernels are a module
// of their own on the same memory, compiled with the first layer.
export type { DType, HostTensor } from "../host-tensor.js";
export * from "./functions/activations.js";
export { causalConv1d, type CausalConv1dOptions, type CausalConv1dResult } from "./functions/causal-convolution.js";
export { crossEntropy, type CrossEntropyOptions } from "./functions/cross-entropy.js";
export {
  linearAttention,
  type LinearAttentionOptions,
  type LinearAttentionResult,
} from "./functions/linear-attention.js";
export { matmul } from "./functions/matmul.js";
export { avgPool2d, type AvgPool2dOptions, maxPool2d, type MaxPool2dOptions } from "./functions/pooling.js";
export { logSoftmax, softmax, type SoftmaxOptions } from "./functions/softmax.js";
export { sinusoidalPositions, type SinusoidalOptions } from "./functions/sinusoidal.js";
export { swiglu } from "./functions/swiglu.js";
export type { AttnMask, Masks } from "./masks.js";
export { loadLayers } from "./load.js";
export { Module } from "./module.js";
export type { Parameter } from "./parameter.js";
export { AdditiveAttention, type AdditiveAttentionOptions } from "./modules/additive-attention.js";
export {
  AttentionPooling,
  type AttentionPoolingOptions,
  type AttentionPoolingResult,
} from "./modules/attention-pooling.js";
export { Conv2d, type Conv2dOptions } from "./modules/conv2d.js";
export { DecoderCache, type DecoderCacheOptions } from "./modules/decoder-cache.js";
export { Embedding, type EmbeddingOptions } from "./modules/embedding.js";
export { Linear, type LinearOptions } from "./modules/linear.js";
export { MultiHeadAttention } from "./modules/multi-head-attention.js";
export type {
  MultiHeadAttentionInputs,
  MultiHeadAttentionOptions,
  MultiHeadAttentionResult,
} from "./modules/multi-head-options.js";
export {
  MultiplicativeAttention,
  type MultiplicativeAttentionOptions,
  type MultiplicativeAttentionResult,
} from "./modules/multiplicative-attention.js";
export { LayerNorm, type LayerNormOptions, type NormOptions, RMSNorm } from "./modules/normalization.js";
export {
  GRU,
  LSTM,
  type LSTMInputs,
  type LSTMOptions,
  type LSTMResult,
  RNN,
  type RNNOptions,
  type RecurrentInputs,
  type RecurrentOptions,
  type RecurrentResult,
} from "./modules/recurrent.js";
export { RelativeBias, type RelativeBiasOptions } from "./modules/relative-bias.js";
export {
  Transformer,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerInputs,
  type TransformerOptions,
  type TransformerStackOptions,
} from "./modules/transformer.js";
export type { AttentionWatch } from "./modules/attention-watch.js";
export type { DecoderInputs, EncoderInputs } from "./modules/transformer-inputs.js";
export {
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./modules/transformer-layer.js";
export type { SingleHeadInputs, SingleHeadResult } from "./single-head.js";
export { loadWeights, type LoadWeightsOptions, saveWeights, stateDict, type WeightSource } from "./weights.js";
