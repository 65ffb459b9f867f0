// attention-wasm/layers: layers as torch.nn has them, forward, on an engine of attention-wasm. Their kernels are a module
// of their own on the same memory, compiled with the first layer.
export type { DType, HostTensor } from "../host-tensor.js";
export * from "./functions/activations.js";
export { matmul } from "./functions/matmul.js";
export { logSoftmax, softmax, type SoftmaxOptions } from "./functions/softmax.js";
export { swiglu } from "./functions/swiglu.js";
export { loadLayers } from "./load.js";
export { Module } from "./module.js";
export type { Parameter } from "./parameter.js";
export { Embedding, type EmbeddingOptions } from "./modules/embedding.js";
export { Linear, type LinearOptions } from "./modules/linear.js";
export { LayerNorm, type LayerNormOptions, type NormOptions, RMSNorm } from "./modules/normalization.js";
export { loadWeights, type LoadWeightsOptions, stateDict, type WeightSource } from "./weights.js";
