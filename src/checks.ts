// Checks of single arguments and options; `name` is what the caller wrote.
import { type ErrorCode, show, wrongKind, wrongValue } from "./errors.js";

/** Throws ERR_UNKNOWN_OPTION for a name the operation does not have. */
export function knownOptions(options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `options must be an object: got ${show(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw wrongKind("ERR_UNKNOWN_OPTION", `there is no option '${name}': the options are ${known.join(", ")}`);
    }
  }
}

/** A finite number. */
export function finite(name: string, value: unknown): number {
  if (typeof value !== "number") throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a number: got ${show(value)}`);
  if (!Number.isFinite(value)) throw wrongValue("ERR_VALUE", `${name} must be finite: got ${value}`);
  return value;
}

/** A number that float32 can hold, rounded to it. */
export function float(name: string, value: unknown): number {
  const rounded = Math.fround(finite(name, value));
  if (!Number.isFinite(rounded)) throw wrongValue("ERR_VALUE", `${name} must be a float32: got ${value}`);
  return rounded;
}

/** What the kernels count and index up to. */
export const MOST_INTEGER = 2 ** 31 - 1;

/** An integer from least to most; `code` where it is not in between. */
export function integer(
  name: string,
  value: unknown,
  least: number,
  most = MOST_INTEGER,
  code: ErrorCode = "ERR_VALUE",
): number {
  if (typeof value !== "number") throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be an integer: got ${show(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw wrongValue(code, `${name} must be an integer from ${least} to ${most}: got ${value}`);
  }
  return value;
}

/** An array of integers from least to most. */
export function integers(name: string, value: unknown, least: number, most = MOST_INTEGER): Int32Array {
  const isList = Array.isArray(value) || value instanceof Int32Array || value instanceof BigInt64Array;
  if (!isList) throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be an array of integers: got ${show(value)}`);
  const list = value as ArrayLike<unknown>;
  const result = new Int32Array(list.length);
  for (let i = 0; i < list.length; i++) {
    const entry = list[i];
    result[i] = integer(`${name}[${i}]`, typeof entry === "bigint" ? Number(entry) : entry, least, most);
  }
  return result;
}

export function boolean(name: string, value: unknown): boolean {
  if (typeof value !== "boolean")
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be true or false: got ${show(value)}`);
  return value;
}

/** One of some words. */
export function choice<T extends string>(name: string, value: unknown, words: readonly T[]): T {
  if (typeof value !== "string") throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a string: got ${show(value)}`);
  if (!words.includes(value as T)) {
    throw wrongValue("ERR_VALUE", `${name} must be ${words.map((w) => `'${w}'`).join(", ")}: got ${show(value)}`);
  }
  return value as T;
}
