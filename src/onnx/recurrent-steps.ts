// One direction of a recurrent operator step by step, for what the kernel of the layers does not have: GRU as ONNX has it by
// default, peepholes, coupled gates, clipping, other activations. Products and exponentials are the layers' kernels.
//
// Gates lie one after the other, [gate][T][B][H], so that a step of one gate is one run of floats.
import type { CallScope, Core } from "../engine/core.js";
import { writeBlock } from "../engine/kernels.js";
import type { Tensor } from "../index.js";
import { CONSTANTS, gemmParameters, MATRIX_COLUMNS } from "../layers/abi.generated.js";
import { layerKernels } from "../layers/kernels.js";
import { multiply } from "../layers/product.js";
import { activateInPlace } from "./recurrent-activations.js";
import type { CheckedRecurrent } from "./recurrent-attributes.js";

/** What one direction computes on; all float32. */
export interface Direction {
  /** [T, B, I], row-major */
  readonly x: Tensor;
  readonly length: number;
  readonly batch: number;
  readonly features: number;
  readonly hidden: number;
  readonly gates: number;
  /** Index of the direction, in checked.reversed and in the tensors below. */
  readonly way: number;
  /** Addresses of W [gates H, I] and R [gates H, H]. */
  readonly weight: number;
  readonly recurrent: number;
  /** Wb and Rb, [gates H] each. */
  readonly bias: readonly [Float32Array, Float32Array] | undefined;
  /** LSTM: P [3 H], of input, output and forget gate. */
  readonly peepholes: Float32Array | undefined;
  readonly lengths: Int32Array | undefined;
  /** Addresses of h and c, [B, H]: given at the start, final at the end; c 0 but for LSTM. */
  readonly h: number;
  readonly c: number;
  /** Y: address of the first step's rows, bytes from step to step. */
  readonly output: number;
  readonly outputStep: number;
}

/** Writes h, c and every step's output. */
export function runSteps(core: Core, checked: CheckedRecurrent, d: Direction): void {
  core.call((scope) => {
    const { batch, hidden, gates, length } = d;
    const inputs = scope.allocate(gates * length * batch * hidden * 4);
    projectInputs(core, scope, checked, d, inputs);
    const [next, nextC, scratch] = [0, 1, 2].map(() => scope.allocate(batch * hidden * 4)) as [number, number, number];
    const resetBias = scope.copyIn(d.bias?.[1].subarray(2 * hidden, 3 * hidden) ?? new Float32Array(hidden));
    const products = Array.from({ length: gates }, (_, g) => {
      if (checked.cell !== "GRU" || g < 2) return recurrentProduct(core, scope, d, g, d.h);
      return checked.linearBeforeReset
        ? recurrentProduct(core, scope, d, g, d.h, resetBias)
        : recurrentProduct(core, scope, d, g, scratch);
    });
    const constants = scope.allocate(CONSTANTS);
    takeSteps(core, checked, d, { inputs, products, next, nextC, scratch, constants });
  });
}

/** A parameter block of `from` [B, H] times the recurrent matrix of gate g: with a bias, or else added to what is there. */
function recurrentProduct(
  core: Core,
  scope: CallScope,
  { batch, hidden, recurrent }: Direction,
  g: number,
  from: number,
  bias?: number,
): number {
  const kernels = layerKernels(core);
  const packed = scope.allocate(kernels.packedBytes(hidden, hidden) >>> 0);
  kernels.packMatrix(recurrent + g * hidden * hidden * 4, hidden * 4, MATRIX_COLUMNS, hidden, hidden, packed);
  const fields = {
    batch: 1,
    rows: batch,
    columns: hidden,
    depth: hidden,
    a: from,
    aRow: hidden * 4,
    b: packed,
    cRow: hidden * 4,
    ...(bias === undefined ? { accumulate: 1 } : { bias }),
  };
  const block = scope.block(gemmParameters, fields);
  const scratch = scope.allocate(kernels.gemmScratch(block) >>> 0);
  writeBlock(core.memory, block, gemmParameters, { ...fields, scratch });
  return block;
}

/** Addresses of what the steps work on. */
interface Workspace {
  /** Of every gate and step, W x with its biases: [gate][T][B][H]. */
  readonly inputs: number;
  /** Of every gate a parameter block, without its `c`. */
  readonly products: readonly number[];
  readonly next: number;
  readonly nextC: number;
  readonly scratch: number;
  readonly constants: number;
}

/** Allocates nothing: one view of the memory serves all steps. */
function takeSteps(core: Core, checked: CheckedRecurrent, d: Direction, workspace: Workspace): void {
  const { batch, hidden, gates, length } = d;
  const { inputs, products, next, nextC, scratch, constants } = workspace;
  const n = batch * hidden;
  const kernels = layerKernels(core);
  const { buffer } = core.memory.memory;
  const [floats, words] = [new Float32Array(buffer), new Uint32Array(buffer)];
  const copy = (to: number, from: number) => floats.copyWithin(to / 4, from / 4, from / 4 + n);

  const recur = (g: number, to: number) => {
    words[products[g]! / 4 + gemmParameters.integers.c] = to;
    kernels.gemm(products[g]!);
  };
  const activate = (f: number, at: number) => {
    const { clip } = checked;
    if (clip !== undefined) {
      for (let i = at / 4; i < at / 4 + n; i++) floats[i] = Math.min(Math.max(floats[i]!, -clip), clip);
    }
    activateInPlace(kernels, floats, checked.activations[d.way]![f]!, at, n, constants);
  };
  /** x_i = f(x_i, y_i, z_i) */
  const combine = (x: number, y: number, z: number, f: (x: number, y: number, z: number, i: number) => number) => {
    for (let i = 0, a = x / 4, b = y / 4, c = z / 4; i < n; i++, a++, b++, c++) {
      floats[a] = f(floats[a]!, floats[b]!, floats[c]!, i);
    }
  };

  const steps: Record<CheckedRecurrent["cell"], (at: readonly number[]) => void> = {
    RNN: ([x]) => {
      recur(0, x!);
      activate(0, x!);
      copy(next, x!);
    },
    GRU: ([z, r, x]) => {
      for (const [g, at] of [z!, r!].entries()) {
        recur(g, at);
        activate(0, at);
      }
      if (checked.linearBeforeReset) {
        recur(2, scratch);
        combine(x!, r!, scratch, (x, r, u) => x + r * u);
      } else {
        combine(scratch, r!, d.h, (_, r, h) => r * h);
        recur(2, x!);
      }
      activate(1, x!);
      copy(next, x!);
      combine(next, z!, d.h, (x, z, h) => (1 - z) * x + z * h);
    },
    LSTM: ([i, o, f, x]) => {
      for (const [g, at] of [i!, o!, f!, x!].entries()) recur(g, at);
      const peep = (at: number, cell: number, gate: number) => {
        const P = d.peepholes;
        if (P) combine(at, cell, cell, (x, c, _, j) => x + P[gate * hidden + (j % hidden)]! * c);
      };
      peep(i!, d.c, 0);
      activate(0, i!);
      if (checked.inputForget) {
        combine(f!, i!, i!, (_, i) => 1 - i);
      } else {
        peep(f!, d.c, 2);
        activate(0, f!);
      }
      activate(1, x!);
      copy(nextC, d.c);
      combine(nextC, f!, f!, (c, f) => c * f);
      combine(nextC, i!, x!, (c, i, x) => c + i * x);
      peep(o!, nextC, 1);
      activate(0, o!);
      copy(next, nextC);
      activate(2, next);
      combine(next, o!, o!, (h, o) => h * o);
    },
  };

  for (let step = 0; step < length; step++) {
    const t = checked.reversed[d.way] ? length - 1 - step : step;
    const at = Array.from({ length: gates }, (_, g) => inputs + (g * length + t) * n * 4);
    steps[checked.cell](at);
    for (let b = 0; b < batch; b++) {
      const row = b * hidden;
      const output = (d.output + t * d.outputStep) / 4 + row;
      if (d.lengths && d.lengths[b]! <= t) {
        floats.fill(0, output, output + hidden);
        continue;
      }
      const from = next / 4 + row;
      floats.copyWithin(output, from, from + hidden);
      floats.copyWithin(d.h / 4 + row, from, from + hidden);
      if (d.c) floats.copyWithin(d.c / 4 + row, nextC / 4 + row, nextC / 4 + row + hidden);
    }
  }
}

/** W x of every gate and step, with the biases that do not pass through a reset gate. */
function projectInputs(core: Core, scope: CallScope, checked: CheckedRecurrent, d: Direction, inputs: number): void {
  const { batch, hidden, gates, length, features } = d;
  const afterReset = checked.cell === "GRU" && checked.linearBeforeReset ? 2 * hidden : gates * hidden;
  const sums = Float32Array.from({ length: gates * hidden }, (_, i) => {
    if (!d.bias) return 0;
    return d.bias[0][i]! + (i < afterReset ? d.bias[1][i]! : 0);
  });
  const bias = scope.copyIn(sums);
  for (let g = 0; g < gates; g++) {
    multiply(core, {
      rows: length * batch,
      columns: hidden,
      depth: features,
      a: d.x.address,
      aRow: features * 4,
      kind: MATRIX_COLUMNS,
      b: d.weight + g * hidden * features * 4,
      bRow: features * 4,
      c: inputs + g * length * batch * hidden * 4,
      cRow: hidden * 4,
      bias: bias + g * hidden * 4,
    });
  }
}
