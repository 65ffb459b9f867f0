// What the functions of this folder read: tensors of numbers on either side, checked and seen as float64 by whoever reads them.
import { show, wrongKind, wrongValue } from "../errors.js";
import type { HostTensor } from "../host-tensor.js";
import { elements, showShape } from "../shape.js";

/** Numbers with a shape, row-major: a float32 or bool host tensor, or any array of numbers. */
export interface NumberArray {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
  readonly dtype?: string;
}

/** A tensor of the host, or one that can give itself as such: a resident `Tensor`. */
export type Numbers =
  | NumberArray
  | HostTensor
  | { toHost(): { readonly data: unknown; readonly shape: readonly number[] } };

/** What the measures here give: float32, row-major. */
export interface Float32Numbers {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: number[];
}

/** Checks that something is a tensor of numbers with one of these ranks. */
export function checkNumbers(name: string, value: unknown, ranks: readonly number[]): NumberArray {
  if (typeof value !== "object" || value === null) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a Tensor or { data, shape }: got ${show(value)}`);
  }
  const { data, shape, dtype } = (
    typeof (value as { toHost?: unknown }).toHost === "function" ? (value as { toHost(): unknown }).toHost() : value
  ) as Partial<NumberArray>;
  const isList = Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView));
  if (!isList || data instanceof BigInt64Array || data instanceof BigUint64Array) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name}.data must be an array of numbers: got ${show(data)}`);
  }
  if ((dtype === "float16" || dtype === "bfloat16") && data instanceof Uint16Array) {
    throw wrongKind("ERR_DTYPE", `${name} must be float32: got the bits of ${dtype}`);
  }
  if (!Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n >= 0)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name}.shape must be an array of sizes: got ${show(shape)}`);
  }
  if (!ranks.includes(shape.length)) {
    throw wrongValue("ERR_SHAPE", `${name}.shape must have ${words(ranks)} axes: got ${showShape(shape)}`);
  }
  if (elements(shape) !== data!.length) {
    throw wrongValue(
      "ERR_SHAPE",
      `${name}.data must have the ${elements(shape)} elements of its shape ${showShape(shape)}: it has ${data!.length}`,
    );
  }
  return { data: data as ArrayLike<number>, shape };
}

function words(ranks: readonly number[]): string {
  return ranks.length === 1 ? `${ranks[0]}` : `${ranks.slice(0, -1).join(", ")} or ${ranks.at(-1)}`;
}

/** Throws at the first entry that is not finite. */
export function checkFinite(name: string, data: ArrayLike<number>): void {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) throw wrongValue("ERR_VALUE", `${name}.data[${i}] must be finite: got ${data[i]}`);
  }
}

/** An array of at least one thing, or one thing alone. */
export function listOf<T>(name: string, value: T | readonly T[]): readonly T[] {
  if (!Array.isArray(value)) return [value as T];
  if (value.length === 0) throw wrongValue("ERR_VALUE", `${name} must not be empty`);
  return value as readonly T[];
}
