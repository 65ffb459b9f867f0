// ONNX operators by name, on the engine: inputs and outputs in the operator's order, absent optional ones null.
export { Attention, type AttentionAttributes } from "./attention.js";
export { CausalConvWithState, type CausalConvWithStateAttributes } from "./causal-conv-with-state.js";
export type { Inputs } from "./inputs.js";
export { LinearAttention, type LinearAttentionAttributes } from "./linear-attention.js";
export { RotaryEmbedding, type RotaryEmbeddingAttributes } from "./rotary-embedding.js";
