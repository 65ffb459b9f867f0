// How far a float32 result may lie from the oracle's: rounding of the scores, as large as the scores themselves may be.
import type { Operand } from "../../src/reference/index.js";
import type { FuzzCase } from "./fuzz-case.js";

const EPSILON = 2 ** -23;

export interface Bounds {
  /** Absolute, of a score and of an lse. */
  readonly score: number;
  /** Relative, of a weight. */
  readonly weight: number;
  /** Absolute, of an output before it is rounded to its dtype. */
  readonly output: number;
}

export function boundsOf({ operands: [query, key, value], reference, D }: FuzzCase): Bounds {
  const [q, k] = [longest(query), longest(key)];
  const scale = Math.abs(reference.scale ?? ((reference.similarity ?? "dot") === "dot" ? 1 / Math.sqrt(D) : 1));
  const similarity = { dot: q * k, cosine: 1, euclidean: q + k, "squared-euclidean": (q + k) ** 2 };
  const added = [reference.bias, reference.relativeBias].map((operand) => {
    const numbers = operand && "table" in operand ? operand.table.data : operand?.data;
    return largest(numbers ?? []);
  });
  const distance = 4 * Math.max(query.shape[2]!, key.shape[2]!);
  const alibi = largest(reference.alibiSlopes ?? []) * distance;
  const magnitude = scale * similarity[reference.similarity ?? "dot"] + added[0]! + added[1]! + alibi;
  const score = EPSILON * (4 + (2 + Math.sqrt(D)) * magnitude);
  const weight = 2 * score + 16 * EPSILON;
  return { score: score + 4 * EPSILON, weight, output: weight * largest(value.data) };
}

/** Largest finite |x|. */
function largest(numbers: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < numbers.length; i++) {
    const x = Math.abs(numbers[i]!);
    if (x > most && x !== Number.POSITIVE_INFINITY) most = x;
  }
  return most;
}

/** Norm of the longest row. */
function longest({ data, shape }: Operand): number {
  const D = shape.at(-1)!;
  let most = 0;
  for (let row = 0; row < data.length; row += D) {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += data[row + d]! ** 2;
    if (sum > most) most = sum;
  }
  return Math.sqrt(most);
}
