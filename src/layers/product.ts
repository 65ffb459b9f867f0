// The packed matrix product as layers call it.
import type { Keep } from "../composite.js";
import type { Core } from "../engine/core.js";
import { type Fields, writeBlock } from "../engine/kernels.js";
import { elements, isContiguous } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { ACTIVATION_NONE, gemmParameters, PANEL } from "./abi.generated.js";
import { layerKernels } from "./kernels.js";
import { blank, dense, withTemporaries } from "./temporaries.js";

export type ProductFields = Fields<typeof gemmParameters>;

/** An activation that a product or `activate` applies. */
export interface Activation {
  /** One of ACTIVATION_* */
  readonly kind: number;
  readonly alpha?: number;
}

/** C = activation(A B + bias) with everything in memory already. */
export function multiply(core: Core, fields: ProductFields): void {
  const kernels = layerKernels(core);
  core.call((scope) => {
    const whole: ProductFields = { batch: 1, activation: ACTIVATION_NONE, ...fields };
    const parameters = scope.block(gemmParameters, whole);
    const scratch = scope.allocate(kernels.gemmScratch(parameters) >>> 0);
    writeBlock(core.memory, parameters, gemmParameters, { ...whole, scratch });
    kernels.gemm(parameters);
  });
}

/** A tensor's rows along its last axis: how many, and bytes from one to the next. */
export interface Rows {
  readonly address: number;
  readonly rows: number;
  readonly stride: number;
}

/** Rows where they lie if they are evenly spaced, else of a row-major copy. */
export function rowsOf(core: Core, x: Tensor, keep: Keep): Rows {
  const { shape, strides } = x;
  const lead = shape.slice(0, -1);
  const size = shape.at(-1)!;
  const spaced = lead.length === 0 || lead.every((n, i) => i === lead.length - 1 || n === 1);
  if (spaced && (size === 1 || strides.at(-1) === 1)) {
    return { address: x.address, rows: elements(lead), stride: (strides.at(-2) ?? size) * 4 };
  }
  const packed = isContiguous(shape, strides) ? x : dense(core, x, keep);
  return { address: packed.address, rows: elements(lead), stride: size * 4 };
}

/** The right-hand side of a product, packed once. */
export interface PackedMatrix {
  readonly address: number;
  readonly depth: number;
  readonly columns: number;
  /** Bytes from panel to panel, where that is not depth * PANEL * 4. */
  readonly panelStride?: number;
}

/** The part of a packed matrix for columns first .. first + depth - 1 of the weight [N, K]. */
export function depthSlice(matrix: PackedMatrix, first: number, depth: number): PackedMatrix {
  const { address, columns, panelStride = matrix.depth * PANEL * 4 } = matrix;
  return { address: address + first * PANEL * 4, columns, depth, panelStride };
}

/** A new tensor activation(x W + bias): x [..., K], W packed [K, N] -> [..., N]. */
export function project(core: Core, x: Tensor, matrix: PackedMatrix, bias?: Tensor, activation?: Activation): Tensor {
  return withTemporaries((keep) => {
    const a = rowsOf(core, x, keep);
    const output = keep(blank(core, [...x.shape.slice(0, -1), matrix.columns]));
    multiply(core, {
      rows: a.rows,
      columns: matrix.columns,
      depth: matrix.depth,
      a: a.address,
      aRow: a.stride,
      b: matrix.address,
      bRow: matrix.panelStride ?? 0,
      c: output.address,
      cRow: matrix.columns * 4,
      bias: bias?.address ?? 0,
      activation: activation?.kind ?? ACTIVATION_NONE,
      alpha: activation?.alpha ?? 1,
    });
    return output;
  });
}

/** Sequences [batch, length, features] as they lie: seq-first or batch-first, in bytes. */
export interface Sequences {
  readonly address: number;
  readonly batch: number;
  readonly length: number;
  readonly batchStride: number;
  readonly rowStride: number;
}

/** to = x W + bias for every row of every sequence; both sides may lie in either order of axes. */
export function projectSequences(
  core: Core,
  x: Sequences,
  matrix: PackedMatrix,
  bias: number,
  to: Sequences,
  activation?: Activation,
): void {
  const shared = {
    b: matrix.address,
    bRow: matrix.panelStride ?? 0,
    columns: matrix.columns,
    depth: matrix.depth,
    bias,
  };
  const { kind = ACTIVATION_NONE, alpha = 1 } = activation ?? {};
  const flat = (s: Sequences) => s.batch === 1 || s.batchStride === s.length * s.rowStride;
  // One tall product where rows follow each other on both sides
  const [batch, rows] = flat(x) && flat(to) ? [1, x.batch * x.length] : [x.batch, x.length];
  multiply(core, {
    ...shared,
    batch,
    rows,
    a: x.address,
    aBatch: x.batchStride,
    aRow: x.rowStride,
    c: to.address,
    cBatch: to.batchStride,
    cRow: to.rowStride,
    activation: kind,
    alpha,
  });
}
