// ONNX RotaryEmbedding, opset 23 and later: https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
import { wrongValue } from "../errors.js";
import type { AnyTensor, Engine } from "../index.js";
import {
  equalAxis,
  flagAttribute,
  type Inputs,
  integerAttribute,
  integersOf,
  isResident,
  knownAttributes,
  nameInputs,
  Residents,
} from "./inputs.js";

type Integer = number | bigint;

export interface RotaryEmbeddingAttributes {
  /** 1: channels 2i and 2i + 1 form a pair; 0 (default): i and i + half. */
  readonly interleaved?: Integer;
  /** Needed where X has 3 axes. */
  readonly num_heads?: Integer;
  /** Leading channels that turn; default 0 means all. */
  readonly rotary_embedding_dim?: Integer;
}

const INPUTS = ["X", "cos_cache", "sin_cache", "position_ids"] as const;
const ATTRIBUTES = ["interleaved", "num_heads", "rotary_embedding_dim"];

/**
 * @param inputs X [B, H, S, D] or [B, S, H * D]; cos_cache and sin_cache [P, rotary / 2] with position_ids int64
 *   [B, S], or [B, S, rotary / 2] without
 * @returns [Y], in the shape and dtype of X and on its side
 */
export function RotaryEmbedding<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: RotaryEmbeddingAttributes = {},
): [T] {
  const named = nameInputs("RotaryEmbedding", inputs, INPUTS, 3);
  knownAttributes("RotaryEmbedding", attributes, ATTRIBUTES);
  const X = named.X!;
  const heads = integerAttribute("num_heads", attributes.num_heads, 0, (n) => n >= 0, "an integer of at least 0");
  const interleaved = flagAttribute("interleaved", attributes.interleaved);
  const flat = X.shape.length === 3;
  const shape = headsApart(X.shape, heads);
  const [B, S, D] = flat ? [shape[0]!, shape[1]!, shape[3]!] : [shape[0]!, shape[2]!, shape[3]!];
  const turned = integerAttribute(
    "rotary_embedding_dim",
    attributes.rotary_embedding_dim,
    0,
    (n) => n >= 0 && n <= D && n % 2 === 0,
    `an even integer from 0 to the head size ${D}`,
  );
  const rotaryDim = turned === 0 ? D : turned;
  if (rotaryDim % 2 !== 0) {
    throw wrongValue("ERR_SHAPE", `the head size of X must be even, or rotary_embedding_dim given: got ${D}`);
  }
  const positions = checkCaches(named, B, S, rotaryDim);

  const residents = new Residents(engine);
  try {
    const x = residents.reshape(residents.place(X), shape);
    const turnedX = residents.own(
      engine.rotaryEmbedding(x, {
        interleaved,
        rotaryDim,
        layout: flat ? "BSHD" : "BHSD",
        cos: residents.place(named.cos_cache!),
        sin: residents.place(named.sin_cache!),
        ...(positions && { positions: { data: positions, shape: [B, S] } }),
      }),
    );
    return [residents.release(residents.reshape(turnedX, X.shape), isResident(X), X) as T];
  } finally {
    residents.end();
  }
}

/** [B, H, S, D], or [B, S, H, D] of three axes. */
function headsApart(shape: readonly number[], heads: number): readonly number[] {
  if (shape.length === 4) {
    if (heads !== 0) equalAxis("X", shape, 1, heads, "num_heads");
    return shape;
  }
  if (shape.length !== 3) {
    throw wrongValue("ERR_SHAPE", `X.shape must have 3 or 4 axes: got [${shape.join(", ")}]`);
  }
  if (heads === 0) throw wrongValue("ERR_VALUE", "num_heads must be given where X has 3 axes: got 0");
  if (shape[2]! % heads !== 0) {
    throw wrongValue("ERR_SHAPE", `X.shape[2] must be a multiple of num_heads ${heads}: got ${shape[2]}`);
  }
  return [shape[0]!, shape[1]!, heads, shape[2]! / heads];
}

/** Checks both caches; returns the positions where there are any. */
function checkCaches(
  named: Record<(typeof INPUTS)[number], AnyTensor | undefined>,
  B: number,
  S: number,
  rotaryDim: number,
): Int32Array | undefined {
  const ids = named.position_ids;
  const rank = ids ? 2 : 3;
  for (const name of ["cos_cache", "sin_cache"] as const) {
    const { shape } = named[name]!;
    if (shape.length !== rank) {
      const expected = ids ? "[positions, rotary / 2] with position_ids" : "[B, S, rotary / 2] without position_ids";
      throw wrongValue("ERR_SHAPE", `${name}.shape must be ${expected}: got [${shape.join(", ")}]`);
    }
    equalAxis(name, shape, rank - 1, rotaryDim / 2, "half of the rotated channels");
    if (!ids) {
      equalAxis(name, shape, 0, B, "the batch of X");
      equalAxis(name, shape, 1, S, "the sequence length of X");
    }
  }
  if (!ids) return undefined;
  equalAxis("sin_cache", named.sin_cache!.shape, 0, named.cos_cache!.shape[0]!, "cos_cache.shape[0]");
  if (ids.shape.length !== 2) {
    throw wrongValue("ERR_SHAPE", `position_ids.shape must be [${B}, ${S}]: got [${ids.shape.join(", ")}]`);
  }
  equalAxis("position_ids", ids.shape, 0, B, "the batch of X");
  equalAxis("position_ids", ids.shape, 1, S, "the sequence length of X");
  const rows = named.cos_cache!.shape[0]!;
  const positions = integersOf("position_ids", ids);
  const outside = positions.findIndex((position) => position < 0 || position >= rows);
  if (outside >= 0) {
    throw wrongValue(
      "ERR_VALUE",
      `position_ids must lie in 0 to ${rows - 1}, the rows of cos_cache: got ${positions[outside]}`,
    );
  }
  return positions;
}
