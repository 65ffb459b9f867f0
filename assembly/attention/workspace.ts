// The scratch memory of one tile, laid out once at the start of a call. Everything here stays in the first or second
// cache level and has a size that does not depend on the number of queries or keys.
import { AttentionParameters, DTYPE_FLOAT32, EXP_CONSTANTS, LANES, MASK_BLOCK, TILE_KEYS, TILE_ROWS, WORKSPACE_HEADER } from "../abi";
import { storeExpConstants } from "../simd/math";

/** Rows that a tile of scores may be rounded up to: the micro-kernels write whole register tiles. */
const SCORE_ROWS: i32 = TILE_KEYS + 6;

@unmanaged @final
export class Workspace {
  /** i32 [64]: index and head of the query in each lane, and the first and last key it may see. */
  queryIndex: usize;
  head: usize;
  low: usize;
  high: usize;
  /** f32 [64]: running maximum m_i and sum l_i, and for one lane group the rescale factors alpha. */
  rowMax: usize;
  rowSum: usize;
  alpha: usize;
  /** f32 [8 groups][D][8]: queries, transposed. */
  queries: usize;
  /** f32 [8 groups][Dv rounded up to 4][8]: unnormalised outputs, transposed. */
  outputs: usize;
  /** f32 [keys][8]: scores, then probabilities, transposed. */
  scores: usize;
  /** f32 [keys][8]: everything that is added to scores, -Infinity where a mask forbids. */
  biases: usize;
  /** f32 [keys]: 1 / |k| for the cosine similarity. */
  keyNorms: usize;
  /** f32 [keys][D] and [keys][Dv rounded up to 4]: keys and values that cannot be read in place. */
  keys: usize;
  values: usize;
  /** Constants of 2^-shift e^x with the call's shift, and with shift 0. */
  expShifted: usize;
  exp: usize;
  /**
   * The block of keys, or values, that decoding reads: its rows, how many, and their bytes from one to the next; those of its first
   * half, at least as many as of the other, and the bytes from one half to the other.
   */
  rows: usize;
  count: i32;
  stride: usize;
  half: i32;
  far: usize;
  /** One past the last byte. */
  end: usize;
}

// @ts-ignore: decorator
@inline
export function paddedValueDim(P: AttentionParameters): i32 {
  return (P.valueDim + 3) & ~3;
}

// @ts-ignore: decorator
@inline
export function keysInPlace(P: AttentionParameters): bool {
  return P.keyDtype == DTYPE_FLOAT32;
}

/** Values are read in place when they are f32 and their rows are whole register tiles, as those of pages are. */
// @ts-ignore: decorator
@inline
export function valuesInPlace(P: AttentionParameters): bool {
  return keysInPlace(P) && ((P.valueDim & 3) == 0 || P.pages != 0);
}

/** The workspace at the start of `base`, ready for a call. */
export function openWorkspace(P: AttentionParameters, base: usize): Workspace {
  const W = layOut(P, base);
  storeExpConstants(W.expShifted, P.shift);
  storeExpConstants(W.exp, 0);
  return W;
}

/** Fills the workspace's pointers; it is itself the first thing in the scratch memory, in WORKSPACE_HEADER bytes. */
export function layOut(P: AttentionParameters, base: usize): Workspace {
  const W = changetype<Workspace>(base);
  const rowBytes: usize = <usize>TILE_ROWS * 4;
  let at = base + WORKSPACE_HEADER;
  W.expShifted = at;
  at += <usize>EXP_CONSTANTS;
  W.exp = at;
  at += <usize>EXP_CONSTANTS;
  W.queryIndex = at;
  at += rowBytes;
  W.head = at;
  at += rowBytes;
  W.low = at;
  at += rowBytes;
  W.high = at;
  at += rowBytes;
  W.rowMax = at;
  at += rowBytes;
  W.rowSum = at;
  at += rowBytes;
  W.alpha = at;
  at += <usize>LANES * 4;
  W.scores = at;
  at += <usize>(SCORE_ROWS * LANES) * 4;
  W.biases = at;
  at += <usize>(TILE_KEYS * LANES) * 4;
  W.keyNorms = at;
  at += <usize>TILE_KEYS * 4;
  W.queries = at;
  at += <usize>(TILE_ROWS * P.headDim) * 4;
  W.outputs = at;
  at += <usize>(TILE_ROWS * paddedValueDim(P)) * 4;
  W.keys = at;
  if (P.dtype != DTYPE_FLOAT32 || !keysInPlace(P)) at += <usize>(MASK_BLOCK * P.headDim) * 4;
  W.values = at;
  if (!valuesInPlace(P)) at += <usize>(MASK_BLOCK * paddedValueDim(P)) * 4;
  W.end = at;
  return W;
}
