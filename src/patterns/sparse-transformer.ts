// Factorised causal attention: two sparse patterns that together let every position reach every earlier one in two steps.
//
// Source: Child et al. 2019, "Generating long sequences with sparse transformers", sections 4.3 (patterns) and 5.2 (how
// heads share them). With a stride near sqrt(S) the cost is S sqrt(S).
import type { MaskPredicate } from "../attention/block-mask.js";
import { choice, integer, knownOptions } from "../checks.js";

/**
 * `'merged'`: every head sees both patterns (eq. 8); `'split'`: even heads the first, odd heads the second (eq. 9), for
 * which the block mask needs `heads`.
 */
export type FactorizedHeads = "merged" | "split";

export interface StridedOptions {
  /** l: how many keys back the first pattern reaches, and from key to key of the second. */
  readonly stride: number;
  /** Default `'merged'`. */
  readonly heads?: FactorizedHeads;
}

/**
 * Strided: the last l keys before the query, and every l-th before it (section 4.3, "strided"); for data with a period,
 * such as rows of a picture.
 */
export function stridedMask(options: StridedOptions): MaskPredicate {
  knownOptions(options, ["stride", "heads"]);
  const stride = integer("stride", options.stride, 1);
  return factorized(
    options.heads,
    (q, k) => k >= q - stride,
    (q, k) => (q - k) % stride === 0,
  );
}

export interface FixedOptions extends StridedOptions {
  /** c: how many cells at the end of each block of l later blocks look at; default 1. */
  readonly summary?: number;
}

/** Fixed: the query's own block of l keys, and the last c keys of every block (section 4.3, "fixed"); for text. */
export function fixedMask(options: FixedOptions): MaskPredicate {
  knownOptions(options, ["stride", "heads", "summary"]);
  const stride = integer("stride", options.stride, 1);
  const summary = integer("summary", options.summary === undefined ? 1 : options.summary, 1, stride);
  return factorized(
    options.heads,
    (q, k) => Math.floor(q / stride) === Math.floor(k / stride),
    (_q, k) => k % stride >= stride - summary,
  );
}

type Pattern = (q: number, k: number) => boolean;

function factorized(heads: FactorizedHeads | undefined, first: Pattern, second: Pattern): MaskPredicate {
  const split = choice("heads", heads === undefined ? "merged" : heads, ["merged", "split"]) === "split";
  if (!split) return (_b, _h, q, k) => k <= q && (first(q, k) || second(q, k));
  return (_b, h, q, k) => k <= q && (h % 2 === 0 ? first(q, k) : second(q, k));
}
