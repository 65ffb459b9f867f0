// One direction of a recurrent operator by the kernel of the layers, which has PyTorch's cells and order of gates.
import type { Keep } from "../composite.js";
import type { Core } from "../engine/core.js";
import { CELL_GRU, CELL_LSTM, CELL_RNN_RELU, CELL_RNN_TANH, MATRIX_COLUMNS } from "../layers/abi.generated.js";
import { layerKernels } from "../layers/kernels.js";
import { multiply } from "../layers/product.js";
import { runDirection } from "../layers/recurrence.js";
import { blank } from "../layers/temporaries.js";
import { type CheckedRecurrent, DEFAULTS } from "./recurrent-attributes.js";
import type { Direction } from "./recurrent-steps.js";

/** Where each of the kernel's gates stands in ONNX's order: h; r z n in z r h; i f g o in i o f c. */
const ORDER = { RNN: [0], GRU: [1, 0, 2], LSTM: [0, 2, 3, 1] };
const CELLS = { GRU: CELL_GRU, LSTM: CELL_LSTM };

export function hasKernel(checked: CheckedRecurrent, { way, peepholes }: Direction): boolean {
  const { cell, clip, inputForget, linearBeforeReset } = checked;
  const names = checked.activations[way]!.map(({ name }) => name);
  const known = String(names) === String(DEFAULTS[cell]) || (cell === "RNN" && names[0] === "Relu");
  return known && clip === undefined && !inputForget && !peepholes && (cell !== "GRU" || linearBeforeReset);
}

/** Writes h, c and every step's output. */
export function runKernel(core: Core, checked: CheckedRecurrent, d: Direction, keep: Keep): void {
  const { length, batch, features, hidden, gates } = d;
  const width = gates * hidden;
  const order = ORDER[checked.cell];
  const kernels = layerKernels(core);
  const inputs = keep(blank(core, [length, batch, width]));
  const matrix = keep(blank(core, [width, hidden])).address;
  const packed = keep(blank(core, [(kernels.packedBytes(hidden, width) >>> 0) / 4])).address;
  const biases = d.bias?.map((bias) => {
    const tensor = keep(blank(core, [width]));
    const view = new Float32Array(core.memory.memory.buffer, tensor.address, width);
    for (const [k, gate] of order.entries()) view.set(bias.subarray(gate * hidden, (gate + 1) * hidden), k * hidden);
    return tensor;
  });
  const bytes = new Uint8Array(core.memory.memory.buffer);
  const block = hidden * hidden * 4;
  for (const [k, gate] of order.entries()) {
    const from = d.recurrent + gate * block;
    bytes.copyWithin(matrix + k * block, from, from + block);
  }
  kernels.packMatrix(matrix, hidden * 4, MATRIX_COLUMNS, hidden, width, packed);
  for (const [k, gate] of order.entries()) {
    multiply(core, {
      rows: length * batch,
      columns: hidden,
      depth: features,
      a: d.x.address,
      aRow: features * 4,
      kind: MATRIX_COLUMNS,
      b: d.weight + gate * hidden * features * 4,
      bRow: features * 4,
      c: inputs.address + k * hidden * 4,
      cRow: width * 4,
      bias: biases ? biases[0]!.address + k * hidden * 4 : 0,
    });
  }
  const relu = checked.activations[d.way]![0]!.name === "Relu";
  const cell = checked.cell === "RNN" ? (relu ? CELL_RNN_RELU : CELL_RNN_TANH) : CELLS[checked.cell];
  runDirection(core, {
    cell,
    length,
    batch,
    hidden,
    state: hidden,
    reverse: checked.reversed[d.way]!,
    inputs,
    recurrent: { address: packed, depth: hidden, columns: width },
    bias: biases?.[1],
    projection: undefined,
    h: d.h,
    c: d.c,
    lengths: d.lengths,
    output: d.output,
    outputRow: hidden * 4,
    outputStep: d.outputStep,
  });
}
