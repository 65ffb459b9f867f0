// Which query stands in each of the 64 rows of a tile, and the interval of keys it may see.
//
// Rows run over queries first and, inside a query, over the heads of one group: row = i * G + g. So the heads that
// share a key head fill the lanes together, and a tile spans few neighbouring queries, whose intervals are alike.
//
// With pinned keys (attention sinks: Xiao et al. 2023) a row sees [0, pinned) besides [low, high], but nothing after `high`.
import { AttentionParameters, BatchItem, LANES, MASK_BLOCK, TILE_KEYS } from "../abi";
import { keysInPlace, valuesInPlace, Workspace } from "./workspace";

/** An interval that contains no key. */
const NO_KEY: i32 = i32.MAX_VALUE;

/**
 * Sets queryIndex, head, low and high [n rounded up to 8]; lanes past the last row repeat it.
 * @param row0 first row of the tile, among sharing * count
 * @param rows i32 [count], or 0: query indices when only some are wanted
 * @param head first head of the group
 * @param sharing heads that share the key head (1 where heads are chosen one by one)
 * @param masked whether causal, window and padding apply
 */
export function describeRows(
  P: AttentionParameters, W: Workspace, item: BatchItem, row0: i32, n: i32,
  rows: usize, head: i32, sharing: i32, masked: bool,
): void {
  const lanes = (n + LANES - 1) & ~(LANES - 1);
  // Read once: after a store V8 would read fields again
  const left = masked ? P.left : -1;
  const right = masked ? P.right : -1;
  const pinned = masked ? P.pinned : 0;
  const last = (masked ? item.keyLength : P.keyLength) - 1;
  const queries = item.queryLength;
  const diagonal = <i64>item.diagonal;
  const indices = W.queryIndex;
  const heads = W.head;
  const lows = W.low;
  const highs = W.high;
  let position = row0 / sharing;
  let member = row0 % sharing;
  for (let r = 0; r < lanes; r++) {
    const i = rows ? load<i32>(rows + (<usize>position << 2)) : position;
    let low = 0;
    let high = last;
    if (left >= 0) low = <i32>max<i64>(0, min<i64>(i + diagonal - left, NO_KEY));
    if (right >= 0) high = <i32>min<i64>(high, i + diagonal + right);
    if (pinned > 0 && low > high) {
      low = 0;
      high = min(high, pinned - 1);
    }
    if (masked && (i >= queries || low > high)) {
      low = NO_KEY;
      high = -1;
    }
    const at = <usize>r << 2;
    store<i32>(indices + at, i);
    store<i32>(heads + at, head + member);
    store<i32>(lows + at, low);
    store<i32>(highs + at, high);
    if (r < n - 1 && ++member == sharing) {
      member = 0;
      position++;
    }
  }
}

/** Keys visited at once: as many as a block of a block mask, or a page, has; and no more where they are copied first. */
export function blockKeys(P: AttentionParameters): i32 {
  return (P.blockTable | P.pages) == 0 && keysInPlace(P) && valuesInPlace(P) ? TILE_KEYS : MASK_BLOCK;
}

/** The first block of a tile whose intervals begin at `begin`: the one that holds it, or that of the pinned keys. */
export function firstBlock(P: AttentionParameters, begin: i32, step: i32): i32 {
  return P.pinned > 0 ? 0 : begin - begin % step;
}

/** The block after this one, past what lies between the pinned keys and `begin`. */
export function nextBlock(P: AttentionParameters, block: i32, begin: i32, step: i32): i32 {
  const next = block + step;
  return next >= P.pinned ? max(next, begin - begin % step) : next;
}

/** The first key of a block that some row may see. */
export function firstKey(P: AttentionParameters, block: i32, begin: i32): i32 {
  return block < P.pinned ? block : max(block, begin);
}

/** One past the last key of [.., to) that rows whose intervals begin at `low` may see, in a block from `from` on. */
export function lastKey(P: AttentionParameters, from: i32, to: i32, low: i32): i32 {
  return from < P.pinned && low >= to ? min(to, P.pinned) : to;
}

/** Four words of a table, at four indices. */
export function wordsAt(table: usize, indices: usize): v128 {
  let words = v128.load32_zero(table + (<usize>load<i32>(indices) << 2));
  words = v128.load32_lane(table + (<usize>load<i32>(indices, 4) << 2), words, 1);
  words = v128.load32_lane(table + (<usize>load<i32>(indices, 8) << 2), words, 2);
  return v128.load32_lane(table + (<usize>load<i32>(indices, 12) << 2), words, 3);
}

// Extremes of an interval bound over n rows, n a multiple of 8.

export function lowest(bounds: usize, n: i32): i32 {
  let m = v128.load(bounds);
  for (let r = 4; r < n; r += 4) m = i32x4.min_s(m, v128.load(bounds + (<usize>r << 2)));
  return min(
    min(i32x4.extract_lane(m, 0), i32x4.extract_lane(m, 1)),
    min(i32x4.extract_lane(m, 2), i32x4.extract_lane(m, 3)),
  );
}

export function highest(bounds: usize, n: i32): i32 {
  let m = v128.load(bounds);
  for (let r = 4; r < n; r += 4) m = i32x4.max_s(m, v128.load(bounds + (<usize>r << 2)));
  return max(
    max(i32x4.extract_lane(m, 0), i32x4.extract_lane(m, 1)),
    max(i32x4.extract_lane(m, 2), i32x4.extract_lane(m, 3)),
  );
}
