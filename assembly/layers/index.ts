// Every export of the layers' kernels, one line each. They live on the memory of the attention kernels, which they
// neither import nor change. Arguments are numbers; shapes are in abi.ts.

// Matrix product: (GemmParameters), its scratch memory, and packing of a matrix that is used often
export { gemm, gemmScratch, packedBytes, packMatrix } from "../gemm/gemm";
// Convolution: (ImageParameters, GemmParameters of one group)
export { convolve } from "./convolution";
// Pooling: (PoolParameters)
export { pool } from "./pooling";
// Recurrent networks: (RecurrentParameters)
export { recur } from "./recurrent";
// Linear attention: (LinearAttentionParameters)
export { attendLinearly } from "./linear-attention";
// Causal depthwise convolution: (CausalConvParameters)
export { convolveCausally } from "./causal-convolution";
// LayerNorm and RMSNorm: (NormParameters)
export { normalize, softmaxRows } from "./normalization";
export { activate, combineRows } from "./activations";
export { copyStrided, gatherRows } from "./copies";
// Conversion between float16 or bfloat16 and float32: (from, to, n, dtype)
export { widenRow, narrowRow } from "../simd/convert";

/** 1 in the builds that use relaxed SIMD. */
export function relaxed(): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? 1 : 0;
}
