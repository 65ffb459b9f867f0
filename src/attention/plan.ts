// Checks a whole call of engine.attention before anything is written, and turns it into the kernel's parameters.
import {
  batchItem,
  SIMILARITY_ADDITIVE,
  SIMILARITY_COSINE,
  SIMILARITY_DOT,
  SIMILARITY_EUCLIDEAN,
  SIMILARITY_SQUARED_EUCLIDEAN,
} from "../engine/abi.generated.js";
import type { CallScope, Core } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { boolean, choice, float, integers, knownOptions } from "../checks.js";
import { contiguousRows, floatCode, headSize, type Operand, operand, place, sameDType, sameSide } from "../operand.js";
import { flattenAxes, showShape } from "../shape.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
import { type AttentionFields, checkBiases, type Placement, type Sizes } from "./biases.js";
import { type CheckedDiagonal, checkDiagonal } from "./diagonal.js";
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

export type Layout = "BHSD" | "BSHD";

/** One tensor of the call, seen as [B, H, S, D] whatever its rank and layout; strides in bytes. */
export interface Heads {
  readonly operand: Operand;
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly dim: number;
  readonly batchStride: number;
  readonly headStride: number;
  readonly rowStride: number;
}

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
  readonly headDim: number;
  readonly valueDim: number;
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
  readonly rows: Int32Array | undefined;
  readonly heads: Int32Array | undefined;
}

/** @param additive f32 weight v of the additive similarity, which takes the place of `similarity` */
export function planAttention(
  core: Core,
  queryArgument: unknown,
  keyArgument: unknown,
  valueArgument: unknown,
  options: AttentionOptions,
  known: readonly string[] = ATTENTION_OPTIONS,
  additive?: Operand,
): AttentionPlan {
  core.open();
  knownOptions(options, known);
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

export function checkLayout(layout: unknown): Layout {
  return choice("layout", layout === undefined ? "BHSD" : layout, ["BHSD", "BSHD"]);
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
  const similarity = choice(
    "similarity",
    options.similarity === undefined ? "dot" : options.similarity,
    Object.keys(SIMILARITIES) as "dot"[],
  );
  const defaultScale = similarity === "dot" && !additive ? 1 / Math.sqrt(query.dim) : 1;
  const scale = options.scale === undefined ? defaultScale : float("scale", options.scale);
  const softcap = options.softcap === undefined ? 0 : float("softcap", options.softcap);
  if (options.softcap !== undefined && softcap <= 0) {
    throw wrongValue("ERR_VALUE", `softcap must be greater than 0 as a float32: got ${options.softcap}`);
  }
  const diagonal = checkDiagonal(options, sizes);
  const placements: Placement[] = checkBiases(core, options, sizes);
  const returnLse = options.returnLse !== undefined && boolean("returnLse", options.returnLse);
  const selection = checkSelection("returnWeights", options.returnWeights, sizes);
  const statistics = checkStatistics(options.statistics);

  const rank = query.operand.shape.length;
  const outputShape = query.operand.shape.with(-1, keys.valueDim);
  const weightsShape = (heads: number, rows: number): number[] => {
    const lead = query.operand.shape.slice(0, Math.max(0, rank - 3));
    return rank === 2 ? [rows, keys.length] : [...lead, heads, rows, keys.length];
  };
  return {
    ...sizes,
    query: query.operand,
    resident: query.operand.tensor !== undefined,
    headDim: query.dim,
    valueDim: keys.valueDim,
    work: query.batch * query.heads * query.length * keys.length * (query.dim + keys.valueDim),
    outputShape,
    outputStrides: packedStrides(query, keys.valueDim, layout, ELEMENT_BYTES[query.operand.dtype]),
    lseShape: weightsShape(query.heads, query.length).slice(0, -1),
    diagonal,
    returnLse,
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
        softcap,
        // 2^shift >= Sk + 1: sums of probabilities, a sink among them, stay below 1
        shift: Math.ceil(Math.log2(keys.length + 2)),
        left: diagonal.left,
        right: diagonal.right,
      };
      keys.place(scope, fields);
      fields.items = placeItems(scope, diagonal.items);
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

function placeItems(scope: CallScope, items: Int32Array): number {
  if (items.length % batchItem.words !== 0) throw new Error("attention-wasm: batch items do not match the ABI");
  return scope.copyIn(items);
}

export function readHeads(argument: Operand, layout: Layout): Heads {
  const { name, shape, strides, dtype } = argument;
  const rank = shape.length;
  if (rank < 2) {
    throw wrongValue("ERR_SHAPE", `${name}.shape must have at least 2 axes, [S, D]: got ${showShape(shape)}`);
  }
  floatCode(argument);
  contiguousRows(argument);
  headSize(`${name}.shape[${rank - 1}]`, shape[rank - 1]!);
  const bytes = ELEMENT_BYTES[dtype];
  const sequenceAxis = layout === "BHSD" || rank === 2 ? rank - 2 : rank - 3;
  const headAxis = layout === "BHSD" ? rank - 3 : rank - 2;
  const lead = Math.max(0, rank - 3);
  const [batch, batchStride] = flattenAxes(name, shape.slice(0, lead), strides.slice(0, lead));
  return {
    operand: argument,
    batch,
    heads: rank === 2 ? 1 : shape[headAxis]!,
    length: shape[sequenceAxis]!,
    dim: shape[rank - 1]!,
    batchStride: batchStride * bytes,
    headStride: rank === 2 ? 0 : strides[headAxis]! * bytes,
    rowStride: strides[sequenceAxis]! * bytes,
  };
}

function scoresShape(query: Heads, keyLength: number): number[] {
  const { shape } = query.operand;
  const lead = shape.slice(0, Math.max(0, shape.length - 3));
  return [...(lead.length === 0 ? [1] : lead), query.heads, query.length, keyLength];
}

/** Byte strides of a packed tensor with the heads and rows of another. */
export function packedStrides({ heads, length }: Heads, dim: number, layout: Layout, bytes: number) {
  const batch = heads * length * dim * bytes;
  return layout === "BHSD"
    ? { batch, head: length * dim * bytes, row: dim * bytes }
    : { batch, head: dim * bytes, row: heads * dim * bytes };
}

/** Throws unless key and value fit the query; messages count axes as the caller wrote them. */
export function checkShapes(query: Heads, key: Heads, value: Heads, layout: Layout): void {
  const rank = query.operand.shape.length;
  for (const { operand: other } of [key, value]) {
    if (other.shape.length !== rank) {
      throw wrongValue(
        "ERR_SHAPE",
        `${other.name}.shape must have ${rank} axes, as query has: got ${showShape(other.shape)}`,
      );
    }
  }
  const axis = {
    heads: layout === "BHSD" ? rank - 3 : rank - 2,
    length: layout === "BHSD" || rank === 2 ? rank - 2 : rank - 3,
  };
  if (key.dim !== query.dim) mismatch("key", rank - 1, `equal query.shape[${rank - 1}]`, query.dim, key.dim);
  if (value.length !== key.length) {
    mismatch("value", axis.length, `equal key.shape[${axis.length}]`, key.length, value.length);
  }
  if (value.heads !== key.heads) {
    mismatch("value", axis.heads, `equal key.shape[${axis.heads}]`, key.heads, value.heads);
  }
  if (key.heads === 0 ? query.heads !== 0 : query.heads % key.heads !== 0) {
    mismatch("key", axis.heads, `divide query.shape[${axis.heads}]`, `a divisor of ${query.heads}`, key.heads);
  }
  for (const other of [key, value]) {
    const lead = showShape(query.operand.shape.slice(0, Math.max(0, rank - 3)));
    const got = showShape(other.operand.shape.slice(0, Math.max(0, rank - 3)));
    if (got === lead || other.batch === 1) continue;
    if (rank === 4) {
      mismatch(other.operand.name, 0, "equal query.shape[0], or be 1", query.batch, other.batch);
    }
    throw wrongValue(
      "ERR_SHAPE",
      `the leading axes of ${other.operand.name} must be ${lead}, as query's are, or 1: got ${got}`,
    );
  }
}

function mismatch(name: string, axis: number, rule: string, expected: number | string, got: number): never {
  throw wrongValue("ERR_SHAPE", `${name}.shape[${axis}] must ${rule}: expected ${expected}, got ${got}`);
}

/** Chosen rows and heads; undefined where no weights are wanted. */
export function checkSelection(
  name: string,
  value: boolean | WeightSelection | undefined,
  sizes: Sizes,
): CheckedSelection | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return { rows: undefined, heads: undefined };
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
