// Whether what is asked of a cache fits into it, and what it would see is still there.
import { wrongValue } from "../errors.js";
import { type CacheConfig, MOST_TOKENS } from "./create.js";
import type { Sequences } from "./sequences.js";

/** Throws unless `count` tokens more fit behind the `length` of sequence b. */
export function checkRoom({ capacity, window, pinned }: CacheConfig, b: number, length: number, count: number): void {
  // What the first token of the chunk sees must still be there when the last is
  const first = window > 0 ? Math.max(pinned, length - window + 1) : 0;
  const most = Math.min(first + capacity, MOST_TOKENS) - length;
  if (count <= most) return;
  throw wrongValue(
    "ERR_CAPACITY",
    window > 0
      ? `key must have at most ${most} tokens for sequence ${b}, so that each of them sees its window: got ${count}; ` +
          "append smaller chunks, or make the cache with a capacity of window + tokens - 1"
      : `the cache is full: sequence ${b} has ${length} of at most ${capacity} tokens, and ${count} more do not fit`,
  );
}

/** Throws where a query would see tokens that a ring has given up. */
export function checkKept({ window, pinned }: CacheConfig, { list }: Sequences, left: number, items: Int32Array): void {
  if (window > 0 && (left < 0 || left >= window)) {
    throw wrongValue(
      "ERR_VALUE",
      `window must reach at most ${window - 1} to the left, as the cache's does: got ${left}`,
    );
  }
  for (const [b, { start }] of list.entries()) {
    const first = Math.max(pinned, items[b * 3]! - left);
    if (start > first) {
      throw wrongValue(
        "ERR_CAPACITY",
        `the first query of sequence ${b} sees token ${first}, and all before ${start} have been given up: ` +
          "attend in smaller chunks, or make the cache with a larger capacity",
      );
    }
  }
}

/** Throws unless the sequences can go back to these lengths. */
export function checkReturn({ window, pinned }: CacheConfig, { list }: Sequences, lengths: Int32Array): void {
  for (const [b, { length, start }] of list.entries()) {
    const to = lengths[b]!;
    if (to > length) {
      throw wrongValue("ERR_VALUE", `length must be at most ${length} for sequence ${b}: got ${to}`);
    }
    const first = Math.max(pinned, to - window + 1);
    if (first < Math.min(to, start)) {
      throw wrongValue(
        "ERR_CAPACITY",
        `sequence ${b} cannot go back to ${to} tokens: the next would see token ${first}, ` +
          `and all before ${start} have been given up`,
      );
    }
  }
}
