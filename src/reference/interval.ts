// Where the diagonal of each batch item lies, and which keys causal masks, windows and lengths leave.

/** One number for all batch items, or one each. */
type PerItem = number | ArrayLike<number>;

export interface IntervalOptions {
  readonly causal?: boolean | "upper-left" | "lower-right" | { readonly offset: PerItem };
  readonly window?:
    | readonly [left: number, right: number]
    | { readonly left: number; readonly right: number; readonly offset: PerItem };
  /** [B] */
  readonly keyLengths?: ArrayLike<number>;
  /** [B] */
  readonly queryLengths?: ArrayLike<number>;
}

/** Of one batch item. */
export interface Interval {
  /** Query i stands at key position i + diagonal. */
  readonly diagonal: number;
  readonly left: number;
  readonly right: number;
  readonly keyLength: number;
  readonly queryLength: number;
}

/**
 * Causal alignments as PyTorch names them (torch.nn.attention.bias, 2.3): upper-left puts query 0 at key 0,
 * lower-right the last query at the last key, both of this batch item. Windows as in FlashAttention 2.3:
 * i + diagonal - left <= j <= i + diagonal + right, and causal closes the right side.
 */
export function causalBounds(options: IntervalOptions, b: number, Sq: number, Sk: number): Interval {
  const keyLength = options.keyLengths ? options.keyLengths[b]! : Sk;
  const queryLength = options.queryLengths ? options.queryLengths[b]! : Sq;
  const { causal, window } = options;
  let left = Infinity;
  let right = Infinity;
  let diagonal = 0;
  if (window) {
    const [l, r] = "left" in window ? [window.left, window.right] : window;
    if (l >= 0) left = l;
    if (r >= 0) right = r;
    if ("offset" in window) diagonal = item(window.offset, b);
  }
  if (causal) {
    right = 0;
    if (causal === "lower-right") diagonal = keyLength - queryLength;
    else if (typeof causal === "object") diagonal = item(causal.offset, b);
  }
  return { diagonal, left, right, keyLength, queryLength };
}

function item(numbers: PerItem, b: number): number {
  return typeof numbers === "number" ? numbers : numbers[b]!;
}
