// The attribute `axis` of many operators.
import { integerAttribute } from "./inputs.js";

/** An axis from 0; negative ones count from the end. */
export function axisAttribute(value: unknown, fallback: number, rank: number): number {
  const axis = integerAttribute(
    "axis",
    value ?? fallback,
    fallback,
    (n) => n >= -rank && n < rank,
    `an integer from ${-rank} to ${rank - 1}`,
  );
  return axis < 0 ? axis + rank : axis;
}
