// One layer and direction of a recurrent network over all steps: Elman networks, GRU (Cho et al. 2014) and LSTM
// (Hochreiter and Schmidhuber 1997), with PyTorch's order of gates.
import { CELL_GRU, CELL_LSTM, CELL_RNN_RELU, GemmParameters, RecurrentParameters } from "./abi";
import { prepareActivation, sigmoid } from "./activations";
import { gemm } from "../gemm/gemm";
import { madd, tanh } from "../simd/math";

/** (RecurrentParameters) */
export function recur(parameters: usize): void {
  const P = changetype<RecurrentParameters>(parameters);
  prepareActivation(P.scratch);
  for (let step = 0; step < P.length; step++) {
    const t = P.reverse ? P.length - 1 - step : step;
    gemm(P.product);
    const inputs = P.inputs + <usize>t * P.inputsStep;
    for (let b = 0; b < P.batch; b++) updateRow(P, inputs + <usize>b * P.inputsRow, b, t);
    if (P.projection) gemm(P.projection);
    const bytes = <usize>P.state << 2;
    let output = P.output + <usize>t * P.outputStep;
    for (let b = 0; b < P.batch; b++, output += P.outputRow) {
      if (P.lengths && load<i32>(P.lengths + (<usize>b << 2)) <= t) {
        memory.fill(output, 0, bytes);
        continue;
      }
      const at = <usize>b * bytes;
      memory.copy(P.h + at, P.next + at, bytes);
      memory.copy(output, P.next + at, bytes);
    }
  }
}

/** c and `next` (or `projected`) of row b after step t, unless its sequence is over. */
function updateRow(P: RecurrentParameters, x: usize, b: i32, t: i32): void {
  if (P.lengths && load<i32>(P.lengths + (<usize>b << 2)) <= t) return;
  const gates = P.cell == CELL_LSTM ? 4 : P.cell == CELL_GRU ? 3 : 1;
  const row = <usize>P.hidden << 2;
  const u = P.gates + <usize>(b * gates) * row;
  const h = P.h + (<usize>(b * P.state) << 2);
  const c = P.c + <usize>b * row;
  const to = (P.projection ? P.projected : P.next) + <usize>b * row;
  const whole = row & ~15;
  for (let at: usize = 0; at < whole; at += 16) update<Four>(P, x + at, u + at, row, h + at, c + at, to + at);
  for (let at = whole; at < row; at += 4) update<One>(P, x + at, u + at, row, h + at, c + at, to + at);
}

/** Four neighbours, or one in all lanes. */
@unmanaged @final class Four {
  @inline load(p: usize): v128 { return v128.load(p); }
  @inline store(p: usize, x: v128): void { v128.store(p, x); }
}
@unmanaged @final class One {
  @inline load(p: usize): v128 { return v128.load_splat<f32>(p); }
  @inline store(p: usize, x: v128): void { store<f32>(p, f32x4.extract_lane(x, 0)); }
}

/**
 * @param x W_ih x + b_ih and u W_hh h + b_hh, gate after gate, `row` bytes each
 * LSTM: i, f, g, o; c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c').
 * GRU: r, z, n; n = tanh(x_n + r u_n), h' = n + z (h - n).
 */
function update<L>(P: RecurrentParameters, x: usize, u: usize, row: usize, h: usize, c: usize, to: usize): void {
  const lanes = changetype<L>(0);
  const constants = P.scratch;
  const first = f32x4.add(lanes.load(x), lanes.load(u));
  if (P.cell == CELL_LSTM) {
    const i = sigmoid(first, constants);
    const f = sigmoid(f32x4.add(lanes.load(x + row), lanes.load(u + row)), constants);
    const g = tanh(f32x4.add(lanes.load(x + 2 * row), lanes.load(u + 2 * row)), constants);
    const o = sigmoid(f32x4.add(lanes.load(x + 3 * row), lanes.load(u + 3 * row)), constants);
    const cell = madd(f, lanes.load(c), f32x4.mul(i, g));
    lanes.store(c, cell);
    lanes.store(to, f32x4.mul(o, tanh(cell, constants)));
  } else if (P.cell == CELL_GRU) {
    const r = sigmoid(first, constants);
    const z = sigmoid(f32x4.add(lanes.load(x + row), lanes.load(u + row)), constants);
    const n = tanh(madd(r, lanes.load(u + 2 * row), lanes.load(x + 2 * row)), constants);
    lanes.store(to, madd(z, f32x4.sub(lanes.load(h), n), n));
  } else if (P.cell == CELL_RNN_RELU) {
    lanes.store(to, f32x4.max(first, f32x4.splat(0)));
  } else {
    lanes.store(to, tanh(first, constants));
  }
}
