// Every export of the kernels, one line each: the ABI at a glance. Arguments are numbers; shapes are in abi.ts.

// Fused attention: (AttentionParameters), (AttentionParameters, scratch) -> bytes, (.., first tile, last tile, scratch)
export { attentionTiles, attentionScratch, attentionForward } from "./attention/forward";
// Splits of long caches: (AttentionParameters) -> bytes for P.partials; merging them after the forward: (.., scratch)
export { attentionPartials, attentionFinish } from "./attention/splits";
// Scores or weights of chosen rows and heads: the same arguments
export { weightTiles, attentionWeights } from "./attention/weights";
// Merge of partial results: (MergeParameters, first row, last row)
export { mergeAttention } from "./attention/merge";
// Rows into the pages of a cache, and back as float32: (CacheParameters)
export { cacheAppend, cacheRead } from "./cache/transfer";
// Rotary position embedding: (RotaryParameters, first row, last row)
export { rotaryEmbedding } from "./layers/rotary";
// Column sums: (from, rows, stride, n, dtype, to, scratch)
export { sumRows } from "./layers/sums";
// Conversion between float16 or bfloat16 and float32: (from, to, n, dtype)
export { widenRow, narrowRow } from "./simd/convert";

/** 1 in the builds that use relaxed SIMD. */
export function relaxed(): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? 1 : 0;
}
