// Causal masks, windows and lengths: where the diagonal of each batch item lies and how far a query sees from it.
import type { batchItem } from "../engine/abi.generated.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { integer, integers, knownOptions } from "../checks.js";
import type { Sizes } from "./biases.js";
import type { AttentionOptions, Diagonal, WindowAround } from "./options.js";

const ITEM_WORDS: (typeof batchItem)["words"] = 3;

export interface CheckedDiagonal {
  /** Keys seen left and right of the diagonal, -1 = open. */
  readonly left: number;
  readonly right: number;
  /** BatchItem [B]: diagonal, keyLength, queryLength */
  readonly items: Int32Array;
}

export function checkDiagonal(options: AttentionOptions, sizes: Sizes): CheckedDiagonal {
  const { batch, queryLength, keyLength, cached } = sizes;
  const keyLengths = cached ?? checkLengths("keyLengths", options.keyLengths, batch, keyLength);
  const queryLengths = checkLengths("queryLengths", options.queryLengths, batch, queryLength);
  const window = checkWindow(options.window);
  const { causal = cached !== undefined } = options;
  const offsets = checkCausal(causal, sizes, keyLengths, queryLengths);
  if (window.offset !== undefined && causal !== false) {
    throw wrongValue(
      "ERR_VALUE",
      "window.offset cannot be combined with causal, which sets the diagonal: use causal: { offset }",
    );
  }
  const shifts = window.offset === undefined ? offsets : checkOffset("window.offset", window.offset, batch);

  const items = new Int32Array(batch * ITEM_WORDS);
  for (let b = 0; b < batch; b++) {
    items.set([shifts[b]!, keyLengths[b]!, queryLengths[b]!], b * ITEM_WORDS);
  }
  const right = causal === false ? window.right : 0;
  return { left: window.left, right, items };
}

/** [B] integers from 0 to a length; where there are none, `otherwise` for each. */
export function checkLengths(
  name: string,
  value: unknown,
  batch: number,
  length: number,
  otherwise = length,
): Int32Array {
  if (value === undefined) return new Int32Array(batch).fill(otherwise);
  return perItem("length", name, value, 0, length, batch);
}

/** [B] integers from least to most. */
function perItem(what: string, name: string, value: unknown, least: number, most: number, batch: number): Int32Array {
  const list = integers(name, value, least, most);
  if (list.length !== batch) {
    throw wrongValue(
      "ERR_SHAPE",
      `${name} must have one ${what} per batch item: expected ${batch}, got ${list.length}`,
    );
  }
  return list;
}

function checkWindow(value: unknown): { left: number; right: number; offset: Diagonal["offset"] | undefined } {
  if (value === undefined) return { left: -1, right: -1, offset: undefined };
  if (Array.isArray(value)) {
    if (value.length !== 2) throw wrongValue("ERR_VALUE", `window must be [left, right]: got ${show(value)}`);
    return { left: integer("window[0]", value[0], -1), right: integer("window[1]", value[1], -1), offset: undefined };
  }
  if (typeof value !== "object" || value === null) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `window must be [left, right]: got ${show(value)}`);
  }
  knownOptions(value, ["left", "right", "offset"]);
  const { left, right, offset } = value as WindowAround;
  return { left: integer("window.left", left, -1), right: integer("window.right", right, -1), offset };
}

/** Query i stands at key position i + offset: one offset per batch item. */
function checkCausal(causal: unknown, sizes: Sizes, keyLengths: Int32Array, queryLengths: Int32Array): Int32Array {
  const { batch, queryLength, keyLength, cached } = sizes;
  const offsets = new Int32Array(batch);
  const atTheEnd = () => offsets.map((_, b) => keyLengths[b]! - queryLengths[b]!);
  // The queries over a cache are its last tokens, causal or not
  if (cached && typeof causal === "boolean") return atTheEnd();
  if (causal === false || causal === "upper-left") return offsets;
  if (causal === true) {
    if (queryLength !== keyLength) {
      throw wrongValue(
        "ERR_AMBIGUOUS_CAUSAL",
        `causal: true is ambiguous with ${queryLength} queries and ${keyLength} keys: ` +
          `say 'upper-left' (query 0 at key 0) or 'lower-right' (last query at last key)`,
      );
    }
    return offsets;
  }
  if (causal === "lower-right") return atTheEnd();
  if (typeof causal === "object" && causal !== null && !Array.isArray(causal)) {
    knownOptions(causal, ["offset"]);
    return checkOffset("causal.offset", (causal as Diagonal).offset, batch);
  }
  const wanted = "causal must be true, false, 'upper-left', 'lower-right' or { offset }";
  if (typeof causal === "string") throw wrongValue("ERR_VALUE", `${wanted}: got ${show(causal)}`);
  throw wrongKind("ERR_ARGUMENT_TYPE", `${wanted}: got ${show(causal)}`);
}

function checkOffset(name: string, value: unknown, batch: number): Int32Array {
  const limit = 2 ** 30;
  if (typeof value === "number") return new Int32Array(batch).fill(integer(name, value, -limit, limit));
  return perItem("offset", name, value, -limit, limit, batch);
}
