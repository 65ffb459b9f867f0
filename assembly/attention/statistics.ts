// What the weights of each row say, tile by tile, without keeping them: entropy, mean distance, the share inside a window,
// the largest weights and their keys, and for each key the sum over queries.
//
// Shapes: entropy, distance, windowShare f32 [B, H, Sq]; mass f32 [B, H, Sk]; topKeys i32 and topWeights f32 [B, H, Sq, topK].
// Contract: called for all rows of a head in order, by one thread, since the mass is a sum over them. Rows without a key are 0 throughout, their top keys -1.
import { AttentionParameters, BatchItem, LANES } from "../abi";
import { LN2, log } from "../simd/math";
import { Workspace } from "./workspace";

// Sums of rows, f32 [8 lane groups][4 sums][8], where the forward keeps outputs: of weights, of weights times what the
// exponent lacks to the row's maximum, of weights times distance, of weights inside the window.

/** Clears the mass of head `slice` of B * H. */
export function startHead(P: AttentionParameters, slice: i32): void {
  const bytes = <usize>P.keyLength << 2;
  if (P.mass) memory.fill(P.mass + <usize>slice * bytes, 0, bytes);
}

/** Clears what the n rows of a tile gather. */
export function startRows(P: AttentionParameters, W: Workspace, b: i32, n: i32): void {
  memory.fill(W.outputs, 0, <usize>((n + LANES - 1) & ~(LANES - 1)) << 4);
  if (!P.topKeys) return;
  const bytes = <usize>P.topK << 2;
  for (let r = 0; r < n; r++) {
    const at = rowOf(P, W, b, r) * bytes;
    memory.fill(P.topKeys + at, 0xff, bytes);
    memory.fill(P.topWeights + at, 0, bytes);
  }
}

/** Index of row r of the tile among all of [B, H, Sq]. */
// @ts-ignore: decorator
@inline
export function rowOf(P: AttentionParameters, W: Workspace, b: i32, r: i32): usize {
  const at = <usize>r << 2;
  return <usize>((b * P.keyHeads * P.groups + load<i32>(W.head + at)) * P.queryLength + load<i32>(W.queryIndex + at));
}

/**
 * Takes in the weights W.scores [count][8] of rows r .. r + 7, of which those below n exist, and of keys from `from` on;
 * W.biases holds their exponents in base two, below the row's maximum.
 */
export function observe(
  P: AttentionParameters, W: Workspace, item: BatchItem, b: i32, r: i32, n: i32, from: i32, count: i32,
): void {
  const exponents = W.biases - W.scores;
  const zero = f32x4.splat(0);
  // Times the weight 0 of a masked score, this is 0
  const lowest = f32x4.splat(-1e30);
  const one = i32x4.splat(1);
  const end = W.scores + (<usize>count << 5);
  for (let half: usize = 0; half < 32; half += 16) {
    // Lanes past the last row repeat it
    const exists = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n - r - <i32>(half >> 2)));
    const position = i32x4.add(v128.load(W.queryIndex + (<usize>r << 2) + half), i32x4.splat(item.diagonal));
    const first = i32x4.sub(position, i32x4.splat(P.windowLeft));
    const last = i32x4.add(position, i32x4.splat(P.windowRight));
    let key = i32x4.splat(from);
    let sum = zero;
    let lack = zero;
    let distance = zero;
    let inside = zero;
    for (let s = W.scores + half; s < end; s += 32) {
      const w = v128.and(v128.load(s), exists);
      v128.store(s, w);
      sum = f32x4.add(sum, w);
      lack = f32x4.sub(lack, f32x4.mul(w, f32x4.pmax(v128.load(s + exponents), lowest)));
      distance = f32x4.add(distance, f32x4.mul(w, f32x4.convert_i32x4_s(i32x4.abs(i32x4.sub(key, position)))));
      inside = f32x4.add(inside, v128.and(w, v128.and(i32x4.ge_s(key, first), i32x4.le_s(key, last))));
      key = i32x4.add(key, one);
    }
    const sums = W.outputs + (<usize>r << 4) + half;
    v128.store(sums, f32x4.add(v128.load(sums), sum));
    v128.store(sums, f32x4.add(v128.load(sums, 32), lack), 32);
    v128.store(sums, f32x4.add(v128.load(sums, 64), distance), 64);
    v128.store(sums, f32x4.add(v128.load(sums, 96), inside), 96);
  }
  if (P.mass) addMass(P, W, b, r, from, end);
  if (P.topKeys) for (let k = 0; k < min(LANES, n - r); k++) insertTop(P, W, rowOf(P, W, b, r + k), k, from, end);
}

/** The weights of eight rows join the sums of their keys. */
function addMass(P: AttentionParameters, W: Workspace, b: i32, r: i32, from: i32, end: usize): void {
  const head = b * P.keyHeads * P.groups + load<i32>(W.head + (<usize>r << 2));
  let to = P.mass + (<usize>(head * P.keyLength + from) << 2);
  for (let s = W.scores; s < end; s += 32, to += 4) {
    const four = f32x4.add(v128.load(s), v128.load(s, 16));
    const two = f32x4.add(four, i32x4.shuffle(four, four, 2, 3, 0, 1));
    store<f32>(to, load<f32>(to) + f32x4.extract_lane(two, 0) + f32x4.extract_lane(two, 1));
  }
}

/** The weights of lane k join the largest of their row, which stay sorted; of equal ones the first key comes first. */
function insertTop(P: AttentionParameters, W: Workspace, row: usize, k: i32, from: i32, end: usize): void {
  const bytes = <usize>P.topK << 2;
  const first = P.topWeights + row * bytes;
  const least = first + bytes - 4;
  const keys = P.topKeys - P.topWeights;
  let key = from;
  for (let s = W.scores + (<usize>k << 2); s < end; s += 32, key++) {
    const w = load<f32>(s);
    if (!(w > load<f32>(least))) continue;
    let to = least;
    for (; to > first && load<f32>(to - 4) < w; to -= 4) {
      store<f32>(to, load<f32>(to - 4));
      store<i32>(to + keys, load<i32>(to + keys - 4));
    }
    store<f32>(to, w);
    store<i32>(to + keys, key);
  }
}

/** Writes what the n rows of a tile gathered. The entropy is sum w (log L - x), both parts of one sign: nothing cancels. */
export function finishRows(P: AttentionParameters, W: Workspace, b: i32, n: i32): void {
  for (let r = 0; r < n; r++) {
    const sums = W.outputs + (<usize>(r >> 3) << 7) + (<usize>(r & 7) << 2);
    const to = rowOf(P, W, b, r) << 2;
    const sum = load<f32>(sums);
    const some = sum != 0;
    if (P.entropy) {
      const l = load<f32>(P.rowSum + to);
      const bits = <f64>sum * (log(<f64>l) + <f64>P.shift * LN2) + <f64>load<f32>(sums, 32) * LN2;
      store<f32>(P.entropy + to, some ? <f32>bits : 0);
    }
    if (P.distance) store<f32>(P.distance + to, some ? load<f32>(sums, 64) / sum : 0);
    if (P.windowShare) store<f32>(P.windowShare + to, some ? load<f32>(sums, 96) / sum : 0);
  }
}
