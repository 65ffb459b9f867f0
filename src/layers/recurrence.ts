// One layer and direction of a recurrent network, all steps in one call of its kernel.
import type { CallScope, Core } from "../engine/core.js";
import { type Fields, writeBlock } from "../engine/kernels.js";
import type { Tensor } from "../tensor.js";
import { CELL_GRU, CELL_LSTM, CONSTANTS, gemmParameters, recurrentParameters } from "./abi.generated.js";
import { layerKernels } from "./kernels.js";
import type { PackedMatrix } from "./product.js";

export interface Direction {
  /** One of CELL_* */
  readonly cell: number;
  readonly length: number;
  readonly batch: number;
  readonly hidden: number;
  readonly state: number;
  readonly reverse: boolean;
  /** W_ih x + b_ih, [T, B, gates hidden] */
  readonly inputs: Tensor;
  readonly recurrent: PackedMatrix;
  readonly bias: Tensor | undefined;
  readonly projection: PackedMatrix | undefined;
  /** Addresses of h [B, state] and c [B, hidden], which are replaced. */
  readonly h: number;
  readonly c: number;
  readonly lengths: Int32Array | undefined;
  /** Address of the first step's output, bytes from row to row, and from step to step, by default B rows. */
  readonly output: number;
  readonly outputRow: number;
  readonly outputStep?: number;
}

/** Writes the output of every step, and the final h and c over the first ones. */
export function runDirection(core: Core, d: Direction): void {
  const { batch, hidden, state, cell } = d;
  const width = hidden * (cell === CELL_LSTM ? 4 : cell === CELL_GRU ? 3 : 1);
  core.call((scope) => {
    const gates = scope.allocate(batch * width * 4);
    const next = scope.allocate(batch * state * 4);
    const projected = d.projection ? scope.allocate(batch * hidden * 4) : 0;
    const product = productOf(scope, batch, d.h, state, d.recurrent, gates, d.bias?.address ?? 0);
    const projection = d.projection && productOf(scope, batch, projected, hidden, d.projection, next, 0);
    const parameters = scope.block(recurrentParameters, {
      cell,
      length: d.length,
      batch,
      hidden,
      state,
      reverse: d.reverse ? 1 : 0,
      inputs: d.inputs.address,
      inputsStep: batch * width * 4,
      inputsRow: width * 4,
      product,
      gates,
      projection: projection ?? 0,
      projected,
      h: d.h,
      c: d.c,
      next,
      lengths: d.lengths ? scope.copyIn(d.lengths) : 0,
      output: d.output,
      outputStep: d.outputStep ?? batch * d.outputRow,
      outputRow: d.outputRow,
      scratch: scope.allocate(CONSTANTS),
    });
    layerKernels(core).recur(parameters);
  });
}

/** The parameter block of a product [B, K] times a packed matrix, to be run once per step. */
function productOf(
  scope: CallScope,
  rows: number,
  a: number,
  depth: number,
  matrix: PackedMatrix,
  c: number,
  bias: number,
): number {
  const fields: Fields<typeof gemmParameters> = {
    batch: 1,
    rows,
    columns: matrix.columns,
    depth,
    a,
    aRow: depth * 4,
    b: matrix.address,
    c,
    cRow: matrix.columns * 4,
    bias,
  };
  const block = scope.block(gemmParameters, fields);
  const scratch = scope.allocate(layerKernels(scope.core).gemmScratch(block) >>> 0);
  writeBlock(scope.core.memory, block, gemmParameters, { ...fields, scratch });
  return block;
}
