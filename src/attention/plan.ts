// Checks a whole call of engine.attention before anything is written, and turns it into the kernel's parameters.
import {
  SIMILARITY_ADDITIVE,
  SIMILARITY_COSINE,
  SIMILARITY_DOT,
  SIMILARITY_EUCLIDEAN,
  SIMILARITY_SQUARED_EUCLIDEAN,
} from "../engine/abi.generated.js";
import type { CallScope, Core } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { boolean, choice, float, integers, knownOptions } from "../checks.js";
import { floatCode, type Operand, operand, place, sameDType, sameSide } from "../operand.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
import { type AttentionFields, checkBiases, type Placement, type Sizes } from "./biases.js";
import { type CheckedDiagonal, checkDiagonal } from "./diagonal.js";
import { checkLayout, checkShapes, type Heads, type Layout, packedStrides, readHeads } from "./heads.js";
import type { AttentionOptions, WeightSelection } from "./options.js";
import { type CheckedStatistics, checkStatistics } from "./statistics.js";

export const ATTENTION_OPTIONS = [
  "scale",
  "similarity",
  "causal",
  "window",
  "mask",
  "bias",
  "keyLengths",
  "queryLengths",
  "segments",
  "blockMask",
  "alibiSlopes",
  "relativeBias",
  "softcap",
  "sinks",
  "layout",
  "returnLse",
  "returnWeights",
  "statistics",
] as const satisfies readonly (keyof AttentionOptions)[];

const SIMILARITIES = {
  dot: SIMILARITY_DOT,
  cosine: SIMILARITY_COSINE,
  euclidean: SIMILARITY_EUCLIDEAN,
  "squared-euclidean": SIMILARITY_SQUARED_EUCLIDEAN,
};

/** The keys and values a query attends to, wherever they are. */
export interface Keys {
  readonly heads: number;
  readonly length: number;
  readonly valueDim: number;
  /** Lengths of a cache's batch items, at whose ends the queries stand. */
  readonly cached?: Int32Array;
  /** Places them and sets the fields that describe them. */
  readonly place: Placement;
}

/** A call that passed every check. */
export interface AttentionPlan extends Sizes {
  readonly query: Operand;
  readonly resident: boolean;
  /** Multiply-adds, of masked keys too. */
  readonly work: number;
  readonly outputShape: readonly number[];
  readonly outputStrides: { batch: number; head: number; row: number };
  readonly lseShape: readonly number[];
  readonly diagonal: CheckedDiagonal;
  readonly returnLse: boolean;
  readonly selection: CheckedSelection | undefined;
  readonly statistics: CheckedStatistics | undefined;
  /** Shape of weights or scores for a number of heads and rows. */
  weightsShape(heads: number, rows: number): number[];
  /** Copies the inputs in; what they are copied to lives as long as the scope. */
  place(scope: CallScope): AttentionFields;
}

export interface CheckedSelection {
  readonly rows?: Int32Array | undefined;
  readonly heads?: Int32Array | undefined;
}

/** @param additive f32 weight v of the additive similarity, which takes the place of `similarity` */
export function planAttention(
  core: Core,
  queryArgument: unknown,
  keyArgument: unknown,
  valueArgument: unknown,
  options: AttentionOptions,
  additive?: Operand,
): AttentionPlan {
  core.open();
  knownOptions(options, ATTENTION_OPTIONS);
  const layout = checkLayout(options.layout);
  const query = readHeads(operand(core, "query", queryArgument), layout);
  const key = readHeads(operand(core, "key", keyArgument), layout);
  const value = readHeads(operand(core, "value", valueArgument), layout);
  sameSide([query.operand, key.operand, value.operand]);
  sameDType(query.operand, key.operand, value.operand);
  checkShapes(query, key, value, layout);
  const keys: Keys = {
    heads: key.heads,
    length: key.length,
    valueDim: value.dim,
    place(scope, fields) {
      // The same host array for several arguments is copied once
      Object.assign(fields, placeShared(scope, fields.query!, query, key, value));
      fields.keyDtype = floatCode(key.operand);
      fields.keyBatch = key.batch === 1 ? 0 : key.batchStride;
      fields.keyHead = key.headStride;
      fields.keyRow = key.rowStride;
      fields.valueBatch = value.batch === 1 ? 0 : value.batchStride;
      fields.valueHead = value.headStride;
      fields.valueRow = value.rowStride;
    },
  };
  return planQuery(core, query, layout, keys, options, additive);
}

/** The plan of a query over keys whose shapes fit it. */
export function planQuery(
  core: Core,
  query: Heads,
  layout: Layout,
  keys: Keys,
  options: AttentionOptions,
  additive?: Operand,
): AttentionPlan {
  const sizes: Sizes = {
    batch: query.batch,
    heads: query.heads,
    queryLength: query.length,
    keyLength: keys.length,
    cached: keys.cached,
    scores: scoresShape(query, keys.length),
  };
  const { similarity = "dot", returnLse = false } = options;
  choice("similarity", similarity, Object.keys(SIMILARITIES) as "dot"[]);
  const defaultScale = similarity === "dot" && !additive ? 1 / Math.sqrt(query.dim) : 1;
  const { softcap } = options;
  const scale = float("scale", options.scale === undefined ? defaultScale : options.scale);
  const cap = softcap === undefined ? 0 : float("softcap", softcap);
  if (softcap !== undefined && cap <= 0) {
    throw wrongValue("ERR_VALUE", `softcap must be greater than 0 as a float32: got ${softcap}`);
  }
  const diagonal = checkDiagonal(options, sizes);
  const placements: Placement[] = checkBiases(core, options, sizes);
  const selection = checkSelection("returnWeights", options.returnWeights, sizes);
  const statistics = checkStatistics(options.statistics);

  const rank = query.operand.shape.length;
  const outputShape = query.operand.shape.with(-1, keys.valueDim);
  const weightsShape = (heads: number, rows: number): number[] => {
    const lead = query.operand.shape.slice(0, -3);
    return rank === 2 ? [rows, keys.length] : [...lead, heads, rows, keys.length];
  };
  return {
    ...sizes,
    query: query.operand,
    resident: query.operand.tensor !== undefined,
    work: query.batch * query.heads * query.length * keys.length * (query.dim + keys.valueDim),
    outputShape,
    outputStrides: packedStrides(query, keys.valueDim, layout, ELEMENT_BYTES[query.operand.dtype]),
    lseShape: weightsShape(query.heads, query.length).slice(0, -1),
    diagonal,
    returnLse: boolean("returnLse", returnLse),
    selection,
    statistics,
    weightsShape,
    place(scope) {
      const fields: AttentionFields = {
        batch: query.batch,
        keyHeads: keys.heads,
        groups: keys.heads === 0 ? 0 : query.heads / keys.heads,
        queryLength: query.length,
        keyLength: keys.length,
        headDim: query.dim,
        valueDim: keys.valueDim,
        dtype: floatCode(query.operand),
        query: place(scope, query.operand),
        queryBatch: query.batchStride,
        queryHead: query.headStride,
        queryRow: query.rowStride,
        similarity: additive ? SIMILARITY_ADDITIVE : SIMILARITIES[similarity],
        scale,
        softcap: cap,
        // 2^shift >= Sk + 1: sums of probabilities, a sink among them, stay below 1
        shift: Math.ceil(Math.log2(keys.length + 2)),
        left: diagonal.left,
        right: diagonal.right,
      };
      keys.place(scope, fields);
      fields.items ??= scope.copyIn(diagonal.items);
      if (additive) fields.additive = place(scope, additive);
      for (const placement of placements) placement(scope, fields);
      return fields;
    },
  };
}

function placeShared(scope: CallScope, queryAddress: number, query: Heads, key: Heads, value: Heads) {
  const same = (a: Heads, b: Heads) => a.operand.host !== undefined && a.operand.host.data === b.operand.host?.data;
  const keyAddress = same(query, key) ? queryAddress : place(scope, key.operand);
  if (same(query, value)) return { key: keyAddress, value: queryAddress };
  return { key: keyAddress, value: same(key, value) ? keyAddress : place(scope, value.operand) };
}

function scoresShape(query: Heads, keyLength: number): number[] {
  const { shape } = query.operand;
  const lead = shape.slice(0, -3);
  return [...(lead.length === 0 ? [1] : lead), query.heads, query.length, keyLength];
}

/** Chosen rows and heads; undefined where no weights are wanted. */
export function checkSelection(
  name: string,
  value: boolean | WeightSelection | undefined,
  sizes: Sizes,
): CheckedSelection | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return {};
  if (typeof value !== "object" || value === null) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be true, false or { rows, heads }: got ${show(value)}`);
  }
  knownOptions(value, ["rows", "heads"]);
  const { rows, heads } = value;
  return {
    rows: rows === undefined ? undefined : integers(`${name}.rows`, rows, 0, sizes.queryLength - 1),
    heads: heads === undefined ? undefined : integers(`${name}.heads`, heads, 0, sizes.heads - 1),
  };
}
