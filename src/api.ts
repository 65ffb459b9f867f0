// What every entry point of the package gives beside its own `load`.
export type { AdditiveOptions, AdditiveResult } from "./attention/additive.js";
export type { ScoreOptions } from "./attention/attention.js";
export { BlockMask, type BlockMaskShape, createBlockMask, type MaskPredicate } from "./attention/block-mask.js";
export type { AttentionPart, MergeOptions } from "./attention/merge.js";
export type {
  AnyTensor,
  AttentionOptions,
  AttentionResult,
  BucketedBias,
  Causal,
  Diagonal,
  Segments,
  Similarity,
  Statistic,
  WeightSelection,
  Window,
  WindowAround,
} from "./attention/options.js";
export type { PoolingResult } from "./attention/pooling.js";
export { alibiSlopes } from "./attention/position.js";
export type { RotaryOptions } from "./attention/rotary.js";
export { KVCache } from "./cache/kv-cache.js";
export type {
  AppendOptions,
  CacheAttentionOptions,
  CacheBytes,
  CacheRotaryOptions,
  ForkOptions,
  KVCacheOptions,
} from "./cache/options.js";
export { Engine } from "./engine.js";
export type { Build, EngineInfo } from "./engine/core.js";
export type { LoadOptions, LoadSyncOptions } from "./engine/load.js";
export type { MemoryInfo } from "./engine/memory.js";
export type { AttentionError, ErrorCode } from "./errors.js";
export type { DType, Float16ArrayLike, HostData, HostTensor } from "./host-tensor.js";
export { Tensor } from "./tensor.js";
