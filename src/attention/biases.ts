// The options that add to scores or forbid them: checked here, placed in memory once the whole call is checked.
import { type attentionParameters, MASK_BLOCK } from "../engine/abi.generated.js";
import type { CallScope, Core } from "../engine/core.js";
import type { Fields } from "../engine/kernels.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { boolean, integer, integers, knownOptions } from "../checks.js";
import {
  contiguous,
  contiguousRows,
  exactShape,
  floatCode,
  hostData,
  type Operand,
  operand,
  place,
  placeFloat32,
} from "../operand.js";
import { broadcastStrides, flattenAxes, showShape } from "../shape.js";
import { BlockMask } from "./block-mask.js";
import type { AttentionOptions, BucketedBias, Segments } from "./options.js";
import { bucketedBias } from "./position.js";

export type AttentionFields = Fields<typeof attentionParameters>;
/** Copies what was checked into memory and sets the fields that describe it. */
export type Placement = (scope: CallScope, fields: AttentionFields) => void;

/** The sizes that options are checked against. */
export interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly queryLength: number;
  readonly keyLength: number;
  /** [B], where the keys are in a cache: how many each batch item has. */
  readonly cached?: Int32Array | undefined;
  /** [..., H, Sq, Sk] with the query's leading axes, at least rank 4. */
  readonly scores: readonly number[];
}

/** Checks mask, bias, segments, blockMask, alibiSlopes, relativeBias and sinks. */
export function checkBiases(core: Core, options: AttentionOptions, sizes: Sizes): Placement[] {
  const placements: Placement[] = [];
  const add = <K extends keyof AttentionOptions>(
    name: K,
    check: (core: Core, value: NonNullable<AttentionOptions[K]>, sizes: Sizes) => Placement,
  ) => {
    const value = options[name];
    if (value !== undefined) placements.push(check(core, value as NonNullable<AttentionOptions[K]>, sizes));
  };
  add("mask", checkMask);
  add("bias", checkBias);
  add("segments", checkSegments);
  add("blockMask", checkBlockMask);
  add("alibiSlopes", checkPerHead("alibiSlopes"));
  add("relativeBias", checkRelativeBias);
  add("sinks", checkPerHead("sinks"));
  return placements;
}

/** The stride from one batch item to the next, the batch being all leading axes. */
function batchStride(name: string, lead: readonly number[], strides: readonly number[]): number {
  const some = lead.some((size, i) => size > 1 && strides[i] === 0) && strides.some((stride) => stride !== 0);
  if (some) {
    throw wrongValue("ERR_SHAPE", `${name} must have all of the leading axes ${showShape(lead)}, or none: it has some`);
  }
  return flattenAxes(name, lead, strides)[1];
}

/** Byte strides along [B, H, Sq, Sk] of an operand that broadcasts to the scores. */
function scoreStrides(argument: Operand, { scores }: Sizes, bytes: number) {
  const strides = broadcastStrides(argument.name, argument.shape, argument.strides, scores);
  const lead = scores.length - 3;
  const batch = batchStride(argument.name, scores.slice(0, lead), strides.slice(0, lead));
  return [batch, ...strides.slice(lead)].map((stride) => stride * bytes) as [number, number, number, number];
}

function checkMask(core: Core, value: unknown, sizes: Sizes): Placement {
  const mask = operand(core, "mask", value);
  if (mask.dtype !== "bool") {
    throw wrongKind(
      "ERR_DTYPE",
      `mask must be bool (a Uint8Array, 1 = attend): got ${mask.dtype}; use bias to add numbers`,
    );
  }
  const [maskBatch, maskHead, maskRow, maskKey] = scoreStrides(mask, sizes, 1);
  return (scope, fields) => {
    Object.assign(fields, { mask: place(scope, mask), maskBatch, maskHead, maskRow, maskKey });
  };
}

function checkBias(core: Core, value: unknown, sizes: Sizes): Placement {
  const bias = operand(core, "bias", value);
  floatCode(bias);
  const [biasBatch, biasHead, biasRow, biasKey] = scoreStrides(bias, sizes, 4);
  return (scope, fields) => {
    Object.assign(fields, { bias: placeFloat32(scope, bias), biasBatch, biasHead, biasRow, biasKey });
  };
}

/** [H] */
function checkPerHead(name: "alibiSlopes" | "sinks") {
  return (core: Core, value: unknown, { heads }: Sizes): Placement => {
    const vector = operand(core, name, value);
    exactShape(vector, [heads]);
    floatCode(vector);
    contiguous(vector);
    return (scope, fields) => {
      fields[name] = placeFloat32(scope, vector);
    };
  };
}

function checkSegments(core: Core, value: unknown, sizes: Sizes): Placement {
  const both = "query" in Object(value) && "key" in Object(value);
  if (!both && sizes.queryLength !== sizes.keyLength) {
    throw wrongValue(
      "ERR_SHAPE",
      `segments must be { query, key } where their lengths differ: there are ${sizes.queryLength} queries and ${sizes.keyLength} keys`,
    );
  }
  const side = (name: string, ids: unknown, length: number) => {
    const argument = operand(core, name, ids);
    if (argument.dtype !== "int32" && argument.dtype !== "int64") {
      throw wrongKind("ERR_DTYPE", `${name} must be int32 or int64: got ${argument.dtype}`);
    }
    const lead = sizes.scores.slice(0, -3);
    const strides = broadcastStrides(name, argument.shape, argument.strides, [...lead, length]);
    if (argument.shape.at(-1) !== length) exactShape(argument, [...lead, length]);
    const stride = batchStride(name, lead, strides.slice(0, -1)) === 0 ? 0 : length;
    return { ids: integers(name, hostData(argument), -(2 ** 31)), stride };
  };
  const query = side(both ? "segments.query" : "segments", both ? (value as Segments).query : value, sizes.queryLength);
  const key = both ? side("segments.key", (value as Segments).key, sizes.keyLength) : query;
  return (scope, fields) => {
    fields.querySegments = scope.copyIn(query.ids);
    fields.querySegmentsBatch = query.stride * 4;
    fields.keySegments = key === query ? fields.querySegments : scope.copyIn(key.ids);
    fields.keySegmentsBatch = key.stride * 4;
  };
}

function checkBlockMask(_core: Core, value: unknown, sizes: Sizes): Placement {
  if (!(value instanceof BlockMask)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `blockMask must come from createBlockMask: got ${show(value)}`);
  }
  const expect = (name: "batch" | "heads" | "queryLength" | "keyLength", broadcasts: boolean) => {
    const expected = sizes[name];
    if (value[name] !== expected && !(broadcasts && value[name] === 1)) {
      const wanted = broadcasts && expected !== 1 ? `1 or ${expected}` : expected;
      throw wrongValue("ERR_SHAPE", `blockMask.${name} must be ${wanted}: got ${value[name]}`);
    }
  };
  expect("batch", true);
  expect("heads", true);
  expect("queryLength", false);
  expect("keyLength", false);
  const row = Math.ceil(sizes.keyLength / MASK_BLOCK) * 4;
  const head = row * Math.ceil(sizes.queryLength / MASK_BLOCK);
  return (scope, fields) => {
    Object.assign(fields, value.place(scope));
    fields.blockRow = row;
    fields.blockHead = value.heads === 1 ? 0 : head;
    fields.blockBatch = value.batch === 1 ? 0 : head * value.heads;
  };
}

function checkRelativeBias(core: Core, value: unknown, sizes: Sizes): Placement {
  if ("table" in Object(value)) {
    return checkBucketedBias(core, value as BucketedBias, sizes);
  }
  const bias = operand(core, "relativeBias", value);
  floatCode(bias);
  const [heads, width] = bias.shape;
  if (bias.shape.length !== 2 || (heads !== 1 && heads !== sizes.heads) || width! % 2 !== 1) {
    throw wrongValue(
      "ERR_SHAPE",
      `relativeBias.shape must be [1 or ${sizes.heads}, 2R + 1], or give T5's buckets as { table }: got [${bias.shape.join(", ")}]`,
    );
  }
  contiguousRows(bias);
  return (scope, fields) => {
    fields.relativeBias = placeFloat32(scope, bias);
    fields.relativeHead = heads === 1 ? 0 : bias.strides[0]! * 4;
    fields.relativeRadius = (width! - 1) / 2;
  };
}

function checkBucketedBias(core: Core, value: BucketedBias, { heads }: Sizes): Placement {
  knownOptions(value, ["table", "bidirectional", "maxDistance"]);
  const table = operand(core, "relativeBias.table", value.table);
  if (table.dtype !== "float32") {
    throw wrongKind("ERR_DTYPE", `relativeBias.table must be float32: got ${table.dtype}`);
  }
  exactShape(table, [null, heads]);
  const buckets = table.shape[0]!;
  const bidirectional = value.bidirectional === undefined || boolean("relativeBias.bidirectional", value.bidirectional);
  const least = bidirectional ? 4 : 2;
  if (buckets < least || (bidirectional && buckets % 2 !== 0)) {
    throw wrongValue(
      "ERR_SHAPE",
      `relativeBias.table.shape[0] must be ${bidirectional ? "an even number of buckets, at least 4" : "at least 2"}: got ${buckets}`,
    );
  }
  // Half of one side's buckets hold one distance each
  const exact = Math.floor((bidirectional ? buckets / 2 : buckets) / 2);
  const maxDistance = integer("relativeBias.maxDistance", value.maxDistance ?? 128, exact + 1, 2 ** 20);
  const data = hostData(table) as Float32Array;
  return (scope, fields) => {
    const expanded = bucketedBias(data, buckets, heads, bidirectional, maxDistance);
    fields.relativeBias = scope.copyIn(expanded);
    fields.relativeHead = (2 * maxDistance + 1) * 4;
    fields.relativeRadius = maxDistance;
  };
}
