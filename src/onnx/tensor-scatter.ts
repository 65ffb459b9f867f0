// ONNX TensorScatter, opset 24: https://onnx.ai/onnx/operators/onnx__TensorScatter.html
import type { CallScope } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
import type { AnyTensor, Engine } from "../index.js";
import { coreOf } from "../layers/load.js";
import { type Operand, operand, place, Result, sameDType, sameSide } from "../operand.js";
import { elements, isContiguous, showShape } from "../shape.js";
import { type Inputs, integerAttribute, integersOf, knownAttributes, nameInputs } from "./inputs.js";

export interface TensorScatterAttributes {
  /** The axis of the sequence, not 0; default -2. */
  readonly axis?: number | bigint;
  /** What is written past the end: `'linear'` (default) refuses it, `'circular'` goes on at 0. */
  readonly mode?: "linear" | "circular";
}

const INPUTS = ["past_cache", "update", "write_indices"] as const;

/**
 * The cache with the update written over it: item b's from write_indices[b] on along `axis`.
 * @param inputs past_cache [B, .., max, ..], update [B, .., n, ..] with n <= max, of any one dtype; write_indices int64 [B],
 *   default zeros
 * @returns [present_cache], on the side of past_cache, which stays as it is
 */
export function TensorScatter<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: TensorScatterAttributes = {},
): [T] {
  const named = nameInputs("TensorScatter", inputs, INPUTS, 2);
  knownAttributes("TensorScatter", attributes, ["axis", "mode"]);
  const core = coreOf(engine);
  const [past, update] = [operand(core, "past_cache", named.past_cache), operand(core, "update", named.update)];
  sameDType(past, update);
  const resident = sameSide([past, update]);
  const axis = checkShapes(past, update, attributes.axis);
  const circular = modeOf(attributes.mode) === "circular";
  const [most, length] = [past.shape[axis]!, update.shape[axis]!];
  const starts = checkIndices(named.write_indices, past.shape[0]!, circular ? undefined : most - length);

  const bytes = elements(past.shape.slice(axis + 1)) * ELEMENT_BYTES[past.dtype];
  const slices = elements(past.shape.slice(0, axis));
  const perItem = elements(past.shape.slice(1, axis));
  return core.call((scope) => {
    const result = new Result(scope, resident, past.shape, past.dtype);
    const [from, added] = [dense(scope, past), dense(scope, update)];
    const memory = new Uint8Array(core.memory.memory.buffer);
    memory.copyWithin(result.address, from, from + slices * most * bytes);
    for (let slice = 0; slice < slices; slice++) {
      const start = starts?.[Math.floor(slice / perItem)] ?? 0;
      for (let i = 0; i < length; i++) {
        const source = added + (slice * length + i) * bytes;
        memory.copyWithin(result.address + (slice * most + ((start + i) % most)) * bytes, source, source + bytes);
      }
    }
    return [result.take(past) as T];
  });
}

function modeOf(mode: unknown): string {
  const given = mode ?? "linear";
  if (typeof given !== "string") throw wrongKind("ERR_ARGUMENT_TYPE", `mode must be a string: got ${show(mode)}`);
  if (given !== "linear" && given !== "circular") {
    throw wrongValue("ERR_VALUE", `mode must be 'linear' or 'circular': got ${show(mode)}`);
  }
  return given;
}

/** @returns the axis, from 1 */
function checkShapes(past: Operand, update: Operand, given: unknown): number {
  const { shape } = past;
  const rank = shape.length;
  if (rank < 2) throw wrongValue("ERR_SHAPE", `past_cache.shape must have at least 2 axes: got ${showShape(shape)}`);
  const axis = integerAttribute(
    "axis",
    given ?? -2,
    -2,
    (n) => n >= -rank && n < rank && n !== 0 && n !== -rank,
    `an integer from ${-rank} to ${rank - 1} that is not the batch's`,
  );
  const sequence = axis < 0 ? axis + rank : axis;
  const fits = (n: number, i: number) => (i === sequence ? n <= shape[i]! : n === shape[i]);
  if (update.shape.length !== rank || !update.shape.every(fits)) {
    const expected = shape.map((n, i) => (i === sequence ? `at most ${n}` : n)).join(", ");
    throw wrongValue("ERR_SHAPE", `update.shape must be [${expected}]: got ${showShape(update.shape)}`);
  }
  return sequence;
}

/** @param last where an update may begin at most */
function checkIndices(given: AnyTensor | undefined, batch: number, last: number | undefined): Int32Array | undefined {
  if (!given) return undefined;
  if (given.shape.length !== 1 || given.shape[0] !== batch) {
    throw wrongValue("ERR_SHAPE", `write_indices.shape must be [${batch}]: got ${showShape(given.shape)}`);
  }
  const indices = integersOf("write_indices", given);
  indices.forEach((index, b) => {
    if (index >= 0 && index <= (last ?? index)) return;
    const range = last === undefined ? "be at least 0" : `lie in 0 to ${last}, so that the update fits`;
    throw wrongValue("ERR_VALUE", `write_indices[${b}] must ${range}: got ${index}`);
  });
  return indices;
}

/** The address of an operand's elements in row-major order. */
function dense(scope: CallScope, argument: Operand): number {
  const { tensor, shape, strides } = argument;
  if (!tensor || isContiguous(shape, strides)) return place(scope, argument);
  return scope.copyIn(tensor.toHost().data);
}
