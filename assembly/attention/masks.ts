// Everything that is added to scores or forbids them, gathered into one tile before the products: so a tile that a
// mask empties costs no products, and the score steps see one addition whatever the caller combined.
import { AttentionParameters, BatchItem, BLOCK_EMPTY, BLOCK_FULL, LANES, MASK_BLOCK } from "../abi";
import { addRows, BiasRows, MaskRows } from "./mask-rows";
import { wordsAt } from "./rows";
import { Workspace } from "./workspace";

const FORBIDDEN: f32 = -Infinity;

/** What gatherBiases found: no query may attend, something was gathered, every query sees every key and nothing is added. */
export const NOTHING_SEEN: i32 = 0;
export const GATHERED: i32 = 1;
const ALL_SEEN: i32 = 2;

/** Whether anything but intervals shapes the scores. */
export function hasBiases(P: AttentionParameters): bool {
  return (P.mask | P.bias | P.querySegments | P.alibiSlopes | P.relativeBias | P.blockTable) != 0;
}

/** Whether anything but intervals and block masks does. */
function hasMore(P: AttentionParameters): bool {
  return (P.mask | P.bias | P.querySegments | P.alibiSlopes | P.relativeBias) != 0;
}

/** What a block mask leaves these 8 queries among the keys of the block that holds key `begin`. */
function blockSeen(P: AttentionParameters, W: Workspace, b: i32, r: i32, begin: i32): i32 {
  let empty = true;
  let full = true;
  for (let lane = 0; lane < LANES; lane++) {
    const entry = blockEntry(P, W, b, r + lane, begin);
    empty = empty && entry == BLOCK_EMPTY;
    full = full && entry == BLOCK_FULL;
  }
  return empty ? NOTHING_SEEN : full ? ALL_SEEN : GATHERED;
}

function blockEntry(P: AttentionParameters, W: Workspace, b: i32, r: i32, begin: i32): i32 {
  const at = <usize>r << 2;
  return load<i32>(
    P.blockTable + <usize>b * P.blockBatch + <usize>load<i32>(W.head + at) * P.blockHead
      + <usize>(load<i32>(W.queryIndex + at) / MASK_BLOCK) * P.blockRow + (<usize>(begin / MASK_BLOCK) << 2),
  );
}

/** W.biases f32 [end - begin][8] for the 8 queries from row r on, unless there is nothing to gather. */
export function gatherBiases(
  P: AttentionParameters, W: Workspace, item: BatchItem, b: i32, keyHead: i32, r: i32, begin: i32, end: i32,
): i32 {
  if (P.blockTable) {
    const seen = blockSeen(P, W, b, r, begin);
    if (seen == NOTHING_SEEN || seen == ALL_SEEN && !hasMore(P)) return seen;
  }
  const n = end - begin;
  const biases = W.biases;
  memory.fill(biases, 0, <usize>n << 5);

  const at = <usize>r << 2;
  const positionA = i32x4.add(v128.load(W.queryIndex + at), i32x4.splat(item.diagonal));
  const positionB = i32x4.add(v128.load(W.queryIndex + at, 16), i32x4.splat(item.diagonal));

  if (P.alibiSlopes) addAlibi(P, W, r, begin, n, positionA, positionB);
  for (let lane = 0; lane < LANES && (P.relativeBias | P.blockTable) != 0; lane++) {
    const head = <usize>load<i32>(W.head + at + (<usize>lane << 2));
    const i = load<i32>(W.queryIndex + at + (<usize>lane << 2));
    const column = biases + (<usize>lane << 2);
    if (P.relativeBias) {
      const table = P.relativeBias + head * P.relativeHead;
      const position = <i64>i + <i64>item.diagonal;
      const radius = <i64>P.relativeRadius;
      for (let j = 0; j < n; j++) {
        const distance = max(-radius, min(radius, <i64>(begin + j) - position));
        addAt(column, j, load<f32>(table + (<usize>(distance + radius) << 2)));
      }
    }
    if (P.blockTable) {
      const entry = blockEntry(P, W, b, r + lane, begin);
      if (entry == BLOCK_EMPTY) {
        for (let j = 0; j < n; j++) store<f32>(column + (<usize>j << 5), FORBIDDEN);
      } else if (entry != BLOCK_FULL) {
        // 64 rows of 64 bits
        const bits = load<u64>(P.blockBits + (<usize>entry << 9) + (<usize>(i & (MASK_BLOCK - 1)) << 3))
          >> <u64>(begin & (MASK_BLOCK - 1));
        for (let j = 0; j < n; j++) {
          if (!((bits >> <u64>j) & 1)) store<f32>(column + (<usize>j << 5), FORBIDDEN);
        }
      }
    }
  }
  if (P.bias) addRows<BiasRows>(W, r, P.bias + <usize>b * P.biasBatch, P.biasHead, P.biasRow, P.biasKey, begin, n);
  if (P.mask) addRows<MaskRows>(W, r, P.mask + <usize>b * P.maskBatch, P.maskHead, P.maskRow, P.maskKey, begin, n);
  if (P.querySegments) forbidOtherSegments(P, W, b, r, begin, n);
  return attendsAnywhere(biases, n) ? GATHERED : NOTHING_SEEN;
}

// @ts-ignore: decorator
@inline
function addAt(column: usize, j: i32, x: f32): void {
  const to = column + (<usize>j << 5);
  store<f32>(to, load<f32>(to) + x);
}

/** ALiBi (Press et al. 2022): -slope * |key position - query position|. */
function addAlibi(
  P: AttentionParameters, W: Workspace, r: i32, begin: i32, n: i32, positionA: v128, positionB: v128,
): void {
  const heads = W.head + (<usize>r << 2);
  const slopeA = wordsAt(P.alibiSlopes, heads);
  const slopeB = wordsAt(P.alibiSlopes, heads + 16);
  let to = W.biases;
  for (let j = 0; j < n; j++, to += 32) {
    const key = i32x4.splat(begin + j);
    const distanceA = f32x4.convert_i32x4_s(i32x4.abs(i32x4.sub(key, positionA)));
    const distanceB = f32x4.convert_i32x4_s(i32x4.abs(i32x4.sub(key, positionB)));
    v128.store(to, f32x4.neg(f32x4.mul(slopeA, distanceA)));
    v128.store(to, f32x4.neg(f32x4.mul(slopeB, distanceB)), 16);
  }
}

function forbidOtherSegments(P: AttentionParameters, W: Workspace, b: i32, r: i32, begin: i32, n: i32): void {
  const table = P.querySegments + <usize>b * P.querySegmentsBatch;
  const queries = W.queryIndex + (<usize>r << 2);
  const segmentA = wordsAt(table, queries);
  const segmentB = wordsAt(table, queries + 16);
  const forbidden = f32x4.splat(FORBIDDEN);
  let key = P.keySegments + <usize>b * P.keySegmentsBatch + (<usize>begin << 2);
  let to = W.biases;
  for (let j = 0; j < n; j++, to += 32, key += 4) {
    const segment = v128.load_splat<i32>(key);
    v128.store(to, v128.bitselect(v128.load(to), forbidden, i32x4.eq(segment, segmentA)));
    v128.store(to, v128.bitselect(v128.load(to, 16), forbidden, i32x4.eq(segment, segmentB)), 16);
  }
}

function attendsAnywhere(biases: usize, n: i32): bool {
  const forbidden = f32x4.splat(FORBIDDEN);
  const end = biases + (<usize>n << 5);
  for (; biases < end; biases += 16) {
    if (v128.any_true(f32x4.ne(v128.load(biases), forbidden))) return true;
  }
  return false;
}
