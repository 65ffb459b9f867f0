// The oracle of the tests, in float64: plain loops, no speed, nothing shared with the kernels.
export { attention, type ReferenceOptions, type ReferenceResult, type Stages } from "./attention.js";
export { additiveAttention, attentionPooling, linear, mergeAttention, rotaryEmbedding } from "./layers.js";
export type { Operand, Result } from "./operand.js";
export { causalConv1d, linearAttention, type RecurrenceOptions } from "./recurrence.js";
export type { IntervalOptions } from "./interval.js";
export { bucketOf, type ReferenceBuckets } from "./scores.js";
export { statistics } from "./statistics.js";
