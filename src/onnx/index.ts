// ONNX operators by name, on the engine: inputs and outputs in the operator's order, absent optional ones null.
export { Attention, type AttentionAttributes } from "./attention.js";
export type { Inputs } from "./inputs.js";
export { RotaryEmbedding, type RotaryEmbeddingAttributes } from "./rotary-embedding.js";
