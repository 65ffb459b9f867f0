// How far attention of few queries may lie from float64: the rounding of scores and sums, and of integers where keys and
// values are quantised.
import { PAGE_KEYS } from "../../src/engine/abi.generated.js";
import type { Operand, ReferenceResult } from "../../src/reference/index.js";
import type { PageDType } from "./pages.js";

const EPSILON = 2 ** -23;
/** Queries and weights are int16. */
const STEP = 1 / 32767 / 2;

export interface DecodeBounds {
  readonly lse: number;
  /** Of an output before it is rounded to its dtype. */
  readonly output: number;
}

/** @param key, value as the kernel reads them, dequantised */
export function decodeBounds(
  query: Operand,
  key: Operand,
  value: Operand,
  scale: number,
  dtype: PageDType,
  want: ReferenceResult,
): DecodeBounds {
  const D = query.shape[3]!;
  const [q, k] = [overRows(query), overRows(key)];
  const magnitude = Math.abs(scale) * q.norm * k.norm;
  let score = EPSILON * (4 + (2 + Math.sqrt(D)) * magnitude);
  const top = overRows(value).largest;
  let sums = 16 * EPSILON * top;
  if (dtype === "int8" || dtype === "int4") {
    // Each channel of a query is off by half a step of its group's largest
    const step = STEP * q.largest;
    score += Math.abs(scale) * step * k.sum;
    // Each weight by half a step of its page's largest, times a value below 127 scales
    const spread = 1.01 * top * PAGE_KEYS * STEP * pageMaxima(want);
    sums += spread;
  }
  return { lse: score + 8 * EPSILON, output: 2 * score * top + sums };
}

/** The largest sum over pages of each page's largest weight, over all rows. */
function pageMaxima({ weights }: ReferenceResult): number {
  const length = weights.shape[3]!;
  let most = 0;
  for (let row = 0; row < weights.data.length; row += length) {
    let sum = 0;
    for (let j = 0; j < length; j += PAGE_KEYS) {
      let page = 0;
      for (let i = j; i < Math.min(length, j + PAGE_KEYS); i++) page = Math.max(page, weights.data[row + i]!);
      sum += page;
    }
    most = Math.max(most, sum);
  }
  return most;
}

/** The largest of all rows: norm, sum of magnitudes and magnitude of one element. */
function overRows({ data, shape }: Operand): { norm: number; sum: number; largest: number } {
  const D = shape.at(-1)!;
  const most = { norm: 0, sum: 0, largest: 0 };
  for (let row = 0; row < data.length; row += D) {
    let square = 0;
    let sum = 0;
    for (let i = row; i < row + D; i++) {
      const x = Math.abs(data[i]!);
      square += x * x;
      sum += x;
      if (x > most.largest) most.largest = x;
    }
    if (square > most.norm ** 2) most.norm = Math.sqrt(square);
    if (sum > most.sum) most.sum = sum;
  }
  return most;
}
