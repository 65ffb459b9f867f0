// attention-wasm/inspect: what attention looked at, as numbers and as pictures, and masks that are local and global together.
export { attentionFlow, type FlowOptions } from "./flow.js";
export { headConfidence, type DistanceOptions, headDistance, headEntropy, headWindowShare } from "./head-distance.js";
export { type HeadDiversity, headDiversity } from "./head-diversity.js";
export { headContribution, headImportance } from "./head-importance.js";
export { layerSimilarity } from "./layer-similarity.js";
export type { HeadFusion, LayerWeights } from "./layers.js";
export type { Float32Numbers, NumberArray, Numbers } from "./numbers.js";
export { attentionRollout, type RolloutOptions } from "./rollout.js";
export { bigBirdMask, type BigBirdOptions } from "../patterns/big-bird.js";
export { andMasks, maskMatrix, orMasks } from "../patterns/combine.js";
export { neighborhoodMask, type NeighborhoodOptions } from "../patterns/neighborhood.js";
export {
  type FactorizedHeads,
  fixedMask,
  type FixedOptions,
  stridedMask,
  type StridedOptions,
} from "../patterns/sparse-transformer.js";
export {
  globalTokenMask,
  longformerMask,
  type LongformerOptions,
  slidingWindowMask,
  type SlidingWindowOptions,
} from "../patterns/windows.js";
export { type HeadGridOptions, headGrid } from "./head-grid.js";
export { heatmap, type HeatmapOptions } from "./heatmap.js";
export type { LinkedPicture, PictureLayer, PixelPicture } from "./picture.js";
export type { Theme } from "./svg.js";
export { terminalMap, type TerminalMapOptions } from "./terminal-map.js";
export { tokenFlow, type TokenFlowOptions } from "./token-flow.js";
export type { ColorScheme, ScaleOptions } from "./weight-scale.js";
export { report, type ReportOptions } from "./report.js";
/** @internal What the command line draws with. */
export { BlockMeans } from "./block-means.js";
/** @internal */
export { halfBlocks } from "./terminal-map.js";
/** @internal */
export { describeScale, weightScale, type WeightScale } from "./weight-scale.js";
