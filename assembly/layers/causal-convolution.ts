// Causal depthwise convolution along the last axis, with the last K - 1 elements handed on from call to call, as it stands
// before the recurrences of Mamba (Gu and Dao 2023, section 3.4) and Gated DeltaNet, and ONNX CausalConvWithState.
//
// Each row passes through a window [K - 1 + CAUSAL_BLOCK] whose front holds what came before: at the start the state, at the
// end the new one, also where the row is shorter than that.
import { ACTIVATION_NONE, CAUSAL_BLOCK, CausalConvParameters, CONSTANTS } from "./abi";
import { activateRow, prepareActivation } from "./activations";
import { madd } from "../simd/math";

/** (CausalConvParameters) */
export function convolveCausally(parameters: usize): void {
  const P = changetype<CausalConvParameters>(parameters);
  prepareActivation(P.scratch);
  const before = <usize>(P.width - 1) << 2;
  const row = P.scratch + CONSTANTS;
  const window = row + (<usize>CAUSAL_BLOCK << 2);
  let input = P.input;
  let output = P.output;
  let active = output;
  let state = P.state;
  for (let b = 0; b < P.batch; b++) {
    for (let c = 0; c < P.channels; c++, state += before) {
      const bias = P.bias ? load<f32>(P.bias + (<usize>c << 2)) : 0;
      const weight = P.weight + <usize>c * (before + 4);
      move(window, state, before);
      for (let t = 0; t < P.length; t += CAUSAL_BLOCK) {
        const n = min(CAUSAL_BLOCK, P.length - t);
        const bytes = <usize>n << 2;
        move(window + before, input, bytes);
        convolveWindow(window, weight, P.width, bias, n, row);
        move(output, row, bytes);
        move(window, window + bytes, before);
        input += bytes;
        output += bytes;
      }
      move(state, window, before);
      active = activated(P, active, output, <usize>CAUSAL_BLOCK << 2);
    }
  }
  activated(P, active, output, 0);
}

/** Activates what lies from `from` to `end` where that is more than so many bytes: rows may be of one element each. */
function activated(P: CausalConvParameters, from: usize, end: usize, bytes: usize): usize {
  if (end - from <= bytes) return from;
  if (P.activation != ACTIVATION_NONE) activateRow(P.activation, from, from, <i32>((end - from) >> 2), 1, P.scratch);
  return end;
}

/** row f32 [n], rounded up to vectors, = bias + the sum over j of weight[j] window[.. + j] */
function convolveWindow(window: usize, weight: usize, width: i32, bias: f32, n: i32, row: usize): void {
  const start = f32x4.splat(bias);
  const taps = <usize>width << 2;
  let left = n;
  for (; left > 12; left -= 16, window += 64, row += 64) {
    let y0 = start, y1 = start, y2 = start, y3 = start;
    for (let j: usize = 0; j < taps; j += 4) {
      const w = v128.load_splat<f32>(weight + j);
      const x = window + j;
      y0 = madd(w, v128.load(x), y0);
      y1 = madd(w, v128.load(x, 16), y1);
      y2 = madd(w, v128.load(x, 32), y2);
      y3 = madd(w, v128.load(x, 48), y3);
    }
    v128.store(row, y0);
    v128.store(row, y1, 16);
    v128.store(row, y2, 32);
    v128.store(row, y3, 48);
  }
  for (; left > 0; left -= 4, window += 16, row += 16) {
    let y = start;
    for (let j: usize = 0; j < taps; j += 4) y = madd(v128.load_splat<f32>(weight + j), v128.load(window + j), y);
    v128.store(row, y);
  }
}

/** Copies forward, element by element where there are so few that a call of the runtime would cost more. */
// @ts-ignore: decorator
@inline
function move(to: usize, from: usize, bytes: usize): void {
  if (bytes > 32) memory.copy(to, from, bytes);
  else for (let at: usize = 0; at < bytes; at += 4) store<f32>(to + at, load<f32>(from + at));
}
