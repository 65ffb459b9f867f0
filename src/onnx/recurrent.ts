// ONNX RNN, GRU and LSTM, opset 14 and later: https://onnx.ai/onnx/operators/onnx__LSTM.html
//
// X [T, B, I], W [D, gates H, I], R [D, gates H, H], B [D, 2 gates H] (of W, then of R), sequence_lens int32 [B],
// initial_h and initial_c [D, B, H], P [D, 3 H]; D directions. The order of gates is ONNX's: z r h, and i o f c. With
// layout 1, X and Y start with the batch, initial_h, initial_c, Y_h and Y_c too.
import { composite, type Keep, toFloat32 } from "../composite.js";
import type { Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";
import type { AnyTensor, Engine, Tensor } from "../index.js";
import { coreOf } from "../layers/load.js";
import { blank, copy, dense, permuted, zeros } from "../layers/temporaries.js";
import { exactShape, type Operand } from "../operand.js";
import { showShape } from "../shape.js";
import { floatOperands } from "./float-inputs.js";
import { equalAxis, type Inputs, integersOf, nameInputs } from "./inputs.js";
import {
  type Cell,
  type CheckedRecurrent,
  checkRecurrent,
  type GRUAttributes,
  type LSTMAttributes,
  type RecurrentAttributes,
} from "./recurrent-attributes.js";
import { hasKernel, runKernel } from "./recurrent-kernel.js";
import { type Direction, runSteps } from "./recurrent-steps.js";

export type { GRUAttributes, LSTMAttributes, RecurrentAttributes };

const INPUTS = ["X", "W", "R", "B", "sequence_lens", "initial_h"] as const;
const LSTM_INPUTS = [...INPUTS, "initial_c", "P"] as const;
const GATES: Record<Cell, number> = { RNN: 1, GRU: 3, LSTM: 4 };

/**
 * H' = f(X Wi^T + H Ri^T + Wbi + Rbi) (Elman 1990); f Tanh by default
 * @param inputs X, W, R, B, sequence_lens, initial_h; the last three may be absent
 * @returns [Y [T, D, B, H], Y_h [D, B, H]], in the dtype of X and on its side; Y is 0 past the end of a sequence
 */
export function RNN<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: RecurrentAttributes = {},
): [Y: T, Y_h: T] {
  const { Y, Y_h } = compute<T>("RNN", engine, inputs, attributes);
  return [Y, Y_h];
}

/**
 * z = f(X Wz^T + H Rz^T + Wbz + Rbz), r likewise, h = g(X Wh^T + (r H) Rh^T + Rbh + Wbh), or with linear_before_reset
 * g(X Wh^T + r (H Rh^T + Rbh) + Wbh); H' = (1 - z) h + z H (Cho et al. 2014); f Sigmoid, g Tanh by default
 * @param inputs X, W, R, B, sequence_lens, initial_h; the last three may be absent
 * @returns [Y [T, D, B, H], Y_h [D, B, H]], in the dtype of X and on its side; Y is 0 past the end of a sequence
 */
export function GRU<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: GRUAttributes = {},
): [Y: T, Y_h: T] {
  const { Y, Y_h } = compute<T>("GRU", engine, inputs, attributes);
  return [Y, Y_h];
}

/**
 * i = f(X Wi^T + H Ri^T + Pi C + Wbi + Rbi), f likewise, c = g(X Wc^T + H Rc^T + Wbc + Rbc), C' = f C + i c,
 * o = f(X Wo^T + H Ro^T + Po C' + Wbo + Rbo), H' = o h(C') (Hochreiter and Schmidhuber 1997; peepholes: Gers, Schraudolph
 * and Schmidhuber 2002); f Sigmoid, g and h Tanh by default
 * @param inputs X, W, R, B, sequence_lens, initial_h, initial_c, P; all after R may be absent
 * @returns [Y [T, D, B, H], Y_h [D, B, H], Y_c [D, B, H]], in the dtype of X and on its side; Y is 0 past the end of a
 *   sequence
 */
export function LSTM<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: LSTMAttributes = {},
): [Y: T, Y_h: T, Y_c: T] {
  const { Y, Y_h, Y_c } = compute<T>("LSTM", engine, inputs, attributes);
  return [Y, Y_h, Y_c!];
}

function compute<T extends AnyTensor>(
  cell: Cell,
  engine: Engine,
  inputs: Inputs,
  attributes: GRUAttributes & LSTMAttributes,
): { Y: T; Y_h: T; Y_c?: T } {
  const names = cell === "LSTM" ? LSTM_INPUTS : INPUTS;
  const { sequence_lens, ...floats } = nameInputs<(typeof LSTM_INPUTS)[number]>(cell, inputs, names, 3);
  const checked = checkRecurrent(cell, attributes);
  const core = coreOf(engine);
  const operands = floatOperands(core, floats);
  const sizes = checkShapes(checked, operands);
  const lengths = checkLengths(sequence_lens, sizes);
  const results = composite(core, [operands.X!], ["Y", "Y_h", "Y_c"], ([x], keep) => {
    const rest = Object.entries(operands).flatMap(([name, operand]) =>
      operand && name !== "X" ? [[name, dense(core, toFloat32(core, operand, keep), keep)] as const] : [],
    );
    return run(core, checked, sizes, { X: x!, ...Object.fromEntries(rest) }, lengths, keep);
  });
  return results as unknown as { Y: T; Y_h: T; Y_c?: T };
}

interface Sizes {
  readonly length: number;
  readonly batch: number;
  readonly features: number;
  readonly hidden: number;
}

function checkShapes(checked: CheckedRecurrent, inputs: Partial<Record<string, Operand>>): Sizes {
  const [X, R] = [inputs.X!, inputs.R!];
  const axes = checked.batchFirst ? "[batch, sequence, input]" : "[sequence, batch, input]";
  if (X.shape.length !== 3) {
    throw wrongValue("ERR_SHAPE", `X.shape must be ${axes}: got ${showShape(X.shape)}`);
  }
  if (R.shape.length !== 3) {
    throw wrongValue("ERR_SHAPE", `R.shape must be [directions, gates * hidden, hidden]: got ${showShape(R.shape)}`);
  }
  const [first, second, features] = X.shape as [number, number, number];
  const [length, batch] = checked.batchFirst ? [second, first] : [first, second];
  const hidden = R.shape[2]!;
  if (hidden === 0) throw wrongValue("ERR_SHAPE", `R.shape[2] must be at least 1: got ${hidden}`);
  if (checked.hiddenSize) equalAxis("R", R.shape, 2, checked.hiddenSize, "hidden_size");
  const [ways, rows] = [checked.reversed.length, GATES[checked.cell] * hidden];
  exactShape(R, [ways, rows, hidden]);
  exactShape(inputs.W!, [ways, rows, features]);
  if (inputs.B) exactShape(inputs.B, [ways, 2 * rows]);
  if (inputs.P) exactShape(inputs.P, [ways, 3 * hidden]);
  const state = checked.batchFirst ? [batch, ways, hidden] : [ways, batch, hidden];
  for (const initial of [inputs.initial_h, inputs.initial_c]) if (initial) exactShape(initial, state);
  return { length, batch, features, hidden };
}

function checkLengths(given: AnyTensor | undefined, { length, batch }: Sizes): Int32Array | undefined {
  if (!given) return undefined;
  if (given.shape.length !== 1 || given.shape[0] !== batch) {
    throw wrongValue("ERR_SHAPE", `sequence_lens.shape must be [${batch}]: got ${showShape(given.shape)}`);
  }
  const lengths = integersOf("sequence_lens", given, "int32");
  const outside = lengths.findIndex((n) => n < 0 || n > length);
  if (outside >= 0) {
    const got = lengths[outside];
    throw wrongValue("ERR_VALUE", `sequence_lens[${outside}] must lie in 0 to ${length}, the steps of X: got ${got}`);
  }
  return lengths;
}

/** All directions, on float32 tensors. */
function run(
  core: Core,
  checked: CheckedRecurrent,
  { length, batch, features, hidden }: Sizes,
  inputs: Record<string, Tensor>,
  lengths: Int32Array | undefined,
  keep: Keep,
): { Y: Tensor; Y_h: Tensor; Y_c: Tensor } {
  const ways = checked.reversed.length;
  const gates = GATES[checked.cell];
  const swap = (x: Tensor) => (checked.batchFirst ? keep(permuted(core, x, [1, 0, 2])) : x);
  const start = (name: string) => {
    const given = inputs[name];
    return keep(given ? copy(core, swap(given)) : zeros(core, [ways, batch, hidden]));
  };
  const x = dense(core, swap(inputs.X!), keep);
  const [h, c] = [start("initial_h"), checked.cell === "LSTM" ? start("initial_c") : undefined];
  const Y = keep(blank(core, [length, ways, batch, hidden]));
  const numbers = (name: string, way: number, first: number, count: number) => {
    const tensor = inputs[name];
    if (!tensor) return undefined;
    const each = tensor.shape[1]!;
    return new Float32Array(core.memory.memory.buffer, tensor.address + (way * each + first) * 4, count).slice();
  };
  for (let way = 0; way < ways && length * batch > 0; way++) {
    const rows = gates * hidden;
    const wb = numbers("B", way, 0, rows);
    const direction: Direction = {
      x,
      length,
      batch,
      features,
      hidden,
      gates,
      way,
      weight: inputs.W!.address + way * rows * features * 4,
      recurrent: inputs.R!.address + way * rows * hidden * 4,
      bias: wb && [wb, numbers("B", way, rows, rows)!],
      peepholes: numbers("P", way, 0, 3 * hidden),
      lengths,
      h: h.address + way * batch * hidden * 4,
      c: c ? c.address + way * batch * hidden * 4 : 0,
      output: Y.address + way * batch * hidden * 4,
      outputStep: ways * batch * hidden * 4,
    };
    if (hasKernel(checked, direction)) runKernel(core, checked, direction, keep);
    else runSteps(core, checked, direction);
  }
  const states = { Y_h: swap(h), ...(c && { Y_c: swap(c) }) };
  const outputs = checked.batchFirst ? keep(permuted(core, Y, [2, 0, 1, 3])) : Y;
  return { Y: outputs, ...states } as { Y: Tensor; Y_h: Tensor; Y_c: Tensor };
}
