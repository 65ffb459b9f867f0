// Linear attention as a recurrence over a state S [Dk][Dv] for each head, which takes the place of a cache:
//   S <- diag(e^g) S,  u = v, or beta (v - S^T k) by the delta rule,  S <- S + k u^T,  o = scale S^T q.
// Without g and beta Katharopoulos et al. 2020, equations 18 to 20; with g RetNet (Sun et al. 2023, equation 6) and GLA
// (Yang et al. 2024, equation 3); with beta DeltaNet (Schlag, Irie and Schmidhuber 2021, equations 23 to 25); with both
// Gated DeltaNet (Yang, Kautz and Hatamizadeh 2025, equation 10), and ONNX LinearAttention.
//
// Columns of S do not know of each other. So a block of 16 of them, [Dk][16], stays in the first-level cache while many tokens
// pass. What reads S (queries, and for the delta rule the next token's key) does so in the pass that writes it: one load and
// one store per element and token. Sums run over channels in their order, wherever calls begin: so many calls that hand on
// their state give the bits of one.
import {
  ACTIVATION_EXP, BINARY_MULTIPLY, CONSTANTS, LinearAttentionParameters, STATE_COLUMNS, STATE_TOKENS,
} from "./abi";
import { activateRow, combineRows, prepareActivation } from "./activations";
import { madd } from "../simd/math";

/** Bytes of a row of the block. */
const ROW: usize = <usize>STATE_COLUMNS << 2;

/** (LinearAttentionParameters) */
export function attendLinearly(parameters: usize): void {
  const P = changetype<LinearAttentionParameters>(parameters);
  prepareActivation(P.scratch);
  for (let b = 0; b < P.batch; b++) {
    for (let h = 0; h < P.heads; h++) {
      // Without a token, too: the state is handed on
      let t = 0;
      do {
        attendTokens(P, b, h, t, min(STATE_TOKENS, P.length - t));
        t += STATE_TOKENS;
      } while (t < P.length);
    }
  }
}

/** `count` tokens from `first` on, for all columns. */
function attendTokens(P: LinearAttentionParameters, b: i32, h: i32, first: i32, count: i32): void {
  const bytes = <usize>P.keySize << 2;
  const u = P.scratch + CONSTANTS;
  const sums = u + ROW;
  const correction = sums + ROW;
  const block = sums + 3 * ROW;
  const gates = block + <usize>P.keySize * ROW;
  const key = P.key + <usize>b * P.keyBatch + <usize>h * P.keyHead + <usize>first * P.keyRow;
  // What the next token's S^T k reads S with, before S has decayed
  let erase = key;
  let eraseRow = P.keyRow;
  if (P.decay) {
    const decay = P.decay + <usize>b * P.decayBatch + <usize>h * P.decayHead + <usize>first * P.decayRow;
    storeGates(P, decay, count, gates);
    if (P.beta) {
      erase = gates + <usize>STATE_TOKENS * bytes;
      eraseRow = bytes;
      combineRows(
        BINARY_MULTIPLY, gates, bytes, key, P.keyRow, erase, bytes, count, P.keySize, 0, P.scratch,
      );
    }
  }
  const query = P.query + <usize>b * P.queryBatch + <usize>(h * P.group) * P.queryHead + <usize>first * P.queryRow;
  const output = P.output + <usize>b * P.outputBatch + <usize>(h * P.group) * P.outputHead + <usize>first * P.outputRow;
  const value = P.value + <usize>b * P.valueBatch + <usize>h * P.valueHead + <usize>first * P.valueRow;
  const beta = P.beta + <usize>b * P.betaBatch + <usize>h * P.betaHead + <usize>first * P.betaRow;
  const place = (<usize>(b * P.heads + h) * <usize>P.keySize * <usize>P.valueSize) << 2;
  const state = P.state + place;
  const stateRow = <usize>P.valueSize << 2;
  const past = first > 0 ? state : P.past ? P.past + place : 0;
  for (let column = 0; column < P.valueSize; column += STATE_COLUMNS) {
    const at = <usize>column << 2;
    const width = <usize>min(STATE_COLUMNS, P.valueSize - column) << 2;
    // A single token takes S from where it is to where it goes; for more, and the edge, it is a block of its own
    const direct = count == 1 && past != 0 && width == ROW;
    const from = direct ? past + at : block;
    const to = direct ? state + at : block;
    const row = direct ? stateRow : ROW;
    if (!direct) {
      if (!past || width < ROW) memory.fill(block, 0, <usize>P.keySize * ROW);
      if (past) copyBlock(past + at, stateRow, block, ROW, P.keySize, width);
    }
    if (P.beta && count > 0) readBlock(from, row, P.keySize, erase, erase, correction, correction);
    let q = query;
    let o = output + at;
    for (let t = 0; t < count; t++, q += P.queryRow, o += P.outputRow) {
      storeUpdate(value + at + <usize>t * P.valueRow, width, P.beta ? beta + <usize>t * P.betaRow : 0, correction, u);
      const k = key + <usize>t * P.keyRow;
      // Two readers at a time: the next key of the delta rule and the first query, then queries
      const next = P.beta != 0 && t + 1 < count ? erase + <usize>(t + 1) * eraseRow : 0;
      if (P.decay) {
        const gate = gates + <usize>t * bytes;
        if (next) updateBlock<Decay, Two>(from, to, row, P.keySize, gate, k, u, q, next, sums, correction);
        else updateBlock<Decay, One>(from, to, row, P.keySize, gate, k, u, q, q, sums, sums);
      } else if (next) updateBlock<Keep, Two>(from, to, row, P.keySize, k, k, u, q, next, sums, correction);
      else updateBlock<Keep, One>(from, to, row, P.keySize, k, k, u, q, q, sums, sums);
      storeOutput(sums, P.scale, o, width);
      for (let g = 1; g < P.group; g += 2) {
        const one = <usize>g * P.queryHead;
        const two = <usize>min(g + 1, P.group - 1) * P.queryHead;
        readBlock(to, row, P.keySize, q + one, q + two, sums, sums + 2 * ROW);
        storeOutput(sums, P.scale, o + <usize>g * P.outputHead, width);
        if (g + 1 < P.group) storeOutput(sums + 2 * ROW, P.scale, o + <usize>(g + 1) * P.outputHead, width);
      }
    }
    if (!direct) copyBlock(block, ROW, state + at, stateRow, P.keySize, width);
  }
}

/** gates f32 [count][Dk] = e^decay, the same for all channels where decay has one for the head. */
function storeGates(P: LinearAttentionParameters, decay: usize, count: i32, gates: usize): void {
  for (let t = 0; t < count; t++, decay += P.decayRow) {
    activateRow(ACTIVATION_EXP, decay, gates, P.decayChannels ? P.keySize : 1, 0, P.scratch);
    const end = gates + (<usize>P.keySize << 2);
    if (!P.decayChannels) for (let to = gates + 4; to < end; to += 4) store<f32>(to, load<f32>(gates));
    gates = end;
  }
}

/** `rows` rows of at most ROW bytes. */
function copyBlock(from: usize, fromRow: usize, to: usize, toRow: usize, rows: i32, width: usize): void {
  for (let d = 0; d < rows; d++, from += fromRow, to += toRow) {
    if (width == ROW) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(to, v128.load(from, 32), 32);
      v128.store(to, v128.load(from, 48), 48);
    } else {
      memory.copy(to, from, width);
    }
  }
}

/**
 * u f32 [STATE_COLUMNS] = v, or beta (v - S^T k)
 * @param value f32 [width / 4]
 * @param beta f32, or 0
 * @param retrieved S^T k, f32 [STATE_COLUMNS]
 */
function storeUpdate(value: usize, width: usize, beta: usize, retrieved: usize, u: usize): void {
  if (width < ROW) {
    memory.fill(u, 0, ROW);
    memory.copy(u, value, width);
    value = u;
  }
  const rate = f32x4.splat(beta ? load<f32>(beta) : 1);
  for (let at: usize = 0; at < ROW; at += 16) {
    const v = v128.load(value + at);
    v128.store(u + at, beta ? f32x4.mul(rate, f32x4.sub(v, v128.load(retrieved + at))) : v);
  }
}

/** to f32 [width / 4] = scale times sums f32 [STATE_COLUMNS]; the sums end scaled. */
function storeOutput(sums: usize, scale: f32, to: usize, width: usize): void {
  const factor = f32x4.splat(scale);
  const target = width == ROW ? to : sums;
  for (let at: usize = 0; at < ROW; at += 16) v128.store(target + at, f32x4.mul(v128.load(sums + at), factor));
  if (width < ROW) memory.copy(to, sums, width);
}

@unmanaged @final class Decay { @inline decays(): bool { return true; } }
@unmanaged @final class Keep { @inline decays(): bool { return false; } }
@unmanaged @final class One { @inline both(): bool { return false; } }
@unmanaged @final class Two { @inline both(): bool { return true; } }

/**
 * S <- diag(gate) S + key u^T, and what reads the new S: S^T first, and with Two S^T second.
 * @param from S, f32 [Dk][STATE_COLUMNS], rows `row` bytes apart, and `to` where it goes; they may be one
 * @param gate, key, first, second f32 [Dk]
 * @param u f32 [STATE_COLUMNS]; it is loaded for each row, for the sums need the registers
 */
function updateBlock<G, R>(
  from: usize, to: usize, row: usize, keySize: i32, gate: usize, key: usize, u: usize, first: usize, second: usize, sums: usize,
  sumsSecond: usize,
): void {
  const decays = changetype<G>(0).decays();
  const both = changetype<R>(0).both();
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const u0 = v128.load(u), u1 = v128.load(u, 16), u2 = v128.load(u, 32), u3 = v128.load(u, 48);
  for (let d: usize = 0, end = <usize>keySize << 2; d < end; d += 4, from += row, to += row) {
    const k = v128.load_splat<f32>(key + d);
    const p = v128.load_splat<f32>(first + d);
    const g = decays ? v128.load_splat<f32>(gate + d) : k;
    const q = both ? v128.load_splat<f32>(second + d) : k;
    let s = v128.load(from);
    s = madd(k, both ? v128.load(u) : u0, decays ? f32x4.mul(s, g) : s);
    v128.store(to, s);
    a0 = madd(p, s, a0);
    if (both) b0 = madd(q, s, b0);
    s = v128.load(from, 16);
    s = madd(k, both ? v128.load(u, 16) : u1, decays ? f32x4.mul(s, g) : s);
    v128.store(to, s, 16);
    a1 = madd(p, s, a1);
    if (both) b1 = madd(q, s, b1);
    s = v128.load(from, 32);
    s = madd(k, both ? v128.load(u, 32) : u2, decays ? f32x4.mul(s, g) : s);
    v128.store(to, s, 32);
    a2 = madd(p, s, a2);
    if (both) b2 = madd(q, s, b2);
    s = v128.load(from, 48);
    s = madd(k, both ? v128.load(u, 48) : u3, decays ? f32x4.mul(s, g) : s);
    v128.store(to, s, 48);
    a3 = madd(p, s, a3);
    if (both) b3 = madd(q, s, b3);
  }
  storeSums(sums, a0, a1, a2, a3);
  if (both) storeSums(sumsSecond, b0, b1, b2, b3);
}

/** S^T first and S^T second, each f32 [STATE_COLUMNS], of S f32 [Dk][STATE_COLUMNS], rows `row` bytes apart. */
function readBlock(block: usize, row: usize, keySize: i32, first: usize, second: usize, to: usize, toSecond: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (let d: usize = 0, end = <usize>keySize << 2; d < end; d += 4, block += row) {
    const p = v128.load_splat<f32>(first + d);
    const q = v128.load_splat<f32>(second + d);
    const s0 = v128.load(block);
    const s1 = v128.load(block, 16);
    const s2 = v128.load(block, 32);
    const s3 = v128.load(block, 48);
    a0 = madd(p, s0, a0);
    a1 = madd(p, s1, a1);
    a2 = madd(p, s2, a2);
    a3 = madd(p, s3, a3);
    b0 = madd(q, s0, b0);
    b1 = madd(q, s1, b1);
    b2 = madd(q, s2, b2);
    b3 = madd(q, s3, b3);
  }
  storeSums(to, a0, a1, a2, a3);
  storeSums(toSecond, b0, b1, b2, b3);
}

// @ts-ignore: decorator
@inline
function storeSums(to: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  v128.store(to, s0);
  v128.store(to, s1, 16);
  v128.store(to, s2, 32);
  v128.store(to, s3, 48);
}
