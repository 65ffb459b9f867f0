// ONNX operators by name, on the engine: inputs and outputs in the operator's order, absent optional ones null.
export { Gelu, type GeluAttributes, SwiGLU, Swish, type SwishAttributes } from "./activations.js";
export { Attention, type AttentionAttributes } from "./attention.js";
export { CausalConvWithState, type CausalConvWithStateAttributes } from "./causal-conv-with-state.js";
export { FlexAttention, type FlexAttentionAttributes, type Float64Tensor } from "./flex-attention.js";
export type { OnnxGraph, OnnxNode, OnnxTensor } from "./graph/model.js";
export type { Inputs } from "./inputs.js";
export { LinearAttention, type LinearAttentionAttributes } from "./linear-attention.js";
export { LayerNormalization, type NormalizationAttributes, RMSNormalization } from "./normalization.js";
export {
  GRU,
  type GRUAttributes,
  LSTM,
  type LSTMAttributes,
  type RecurrentAttributes,
  RNN,
} from "./recurrent.js";
export { RotaryEmbedding, type RotaryEmbeddingAttributes } from "./rotary-embedding.js";
export { LogSoftmax, Softmax, type SoftmaxAttributes } from "./softmax.js";
export { TensorScatter, type TensorScatterAttributes } from "./tensor-scatter.js";
