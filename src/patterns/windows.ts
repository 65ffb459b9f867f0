// Sliding windows and tokens that everything sees, and the pattern made of both.
//
// Source: Beltagy, Peters and Cohan 2020, "Longformer", section 3.1 and figure 2. Cost: queries times window, plus
// global tokens times length, instead of length squared.
import type { MaskPredicate } from "../attention/block-mask.js";
import { boolean, integer, integers, knownOptions } from "../checks.js";
import { wrongValue } from "../errors.js";
import { orMasks } from "./combine.js";

export interface SlidingWindowOptions {
  /** Keys seen before the query; -1 = all of them. */
  readonly left: number;
  /** Keys seen after the query; -1 = all of them, 0 = none: causal. */
  readonly right: number;
  /** Only every so manieth key of the window, counted from the query; the window reaches as many times as far. Default 1. */
  readonly dilation?: number;
}

/** Each query sees `left` keys before itself and `right` keys after. Without dilation the option `window` is cheaper. */
export function slidingWindowMask(options: SlidingWindowOptions): MaskPredicate {
  knownOptions(options, ["left", "right", "dilation"]);
  const dilation = integer("dilation", options.dilation === undefined ? 1 : options.dilation, 1);
  const reach = (name: "left" | "right") => {
    const keys = integer(name, options[name], -1);
    return keys < 0 ? Infinity : keys * dilation;
  };
  const [left, right] = [reach("left"), reach("right")];
  return (_b, _h, q, k) => k >= q - left && k <= q + right && (q - k) % dilation === 0;
}

/** Everything sees these tokens, and they see everything: Longformer's global attention, which is symmetric. */
export function globalTokenMask(tokens: readonly number[] | Int32Array): MaskPredicate {
  const global = new Set(integers("tokens", tokens, 0));
  return (_b, _h, q, k) => global.has(q) || global.has(k);
}

export interface LongformerOptions {
  /** Keys in the window around each query, half of them on each side (itself not counted); an even number. */
  readonly window: number;
  readonly dilation?: number;
  /** Positions with global attention, such as [0] for a classification token; default none. */
  readonly globalTokens?: readonly number[] | Int32Array;
  /** Hide what comes after the query, global tokens included; default false. */
  readonly causal?: boolean;
}

/** A window around each query, and global tokens. */
export function longformerMask(options: LongformerOptions): MaskPredicate {
  knownOptions(options, ["window", "dilation", "globalTokens", "causal"]);
  const { window, dilation = 1, globalTokens = [] } = options;
  if (integer("window", window, 0) % 2 !== 0) throw wrongValue("ERR_VALUE", `window must be even: got ${window}`);
  const causal = options.causal !== undefined && boolean("causal", options.causal);
  const local = slidingWindowMask({ left: window / 2, right: window / 2, dilation });
  const both = orMasks(local, globalTokenMask(globalTokens));
  return causal ? (b, h, q, k) => k <= q && both(b, h, q, k) : both;
}
