// Sizes along the two axes of an image.
import { integer } from "../checks.js";
import { show, wrongKind } from "../errors.js";

/** [height, width] */
export type Pair = readonly [number, number];

/** One integer for both axes, or two. */
export function pair(name: string, value: unknown, least: number): Pair {
  if (typeof value === "number") {
    const size = integer(name, value, least);
    return [size, size];
  }
  if (!Array.isArray(value) || value.length !== 2) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be an integer or [height, width]: got ${show(value)}`);
  }
  return [integer(`${name}[0]`, value[0], least), integer(`${name}[1]`, value[1], least)];
}
