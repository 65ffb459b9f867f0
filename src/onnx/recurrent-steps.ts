// One direction of a recurrent operator step by step, for what the kernel of the layers does not have: GRU as ONNX has it by
// default, peepholes, coupled gates, clipping, other activations. Products and exponentials are the layers' kernels.
//
// Gates lie one after the other, [gate][T][B][H], so that a step of one gate is one run of floats.
import type { Keep } from "../composite.js";
import type { Core } from "../engine/core.js";
import type { Tensor } from "../index.js";
import { MATRIX_COLUMNS } from "../layers/abi.generated.js";
import { layerKernels } from "../layers/kernels.js";
import { multiply } from "../layers/product.js";
import { blank } from "../layers/temporaries.js";
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
export function runSteps(core: Core, checked: CheckedRecurrent, d: Direction, keep: Keep): void {
  const { batch, hidden, gates, length } = d;
  const n = batch * hidden;
  const view = (address: number, count = n) => new Float32Array(core.memory.memory.buffer, address, count);
  const kernels = layerKernels(core);
  const inputs = keep(blank(core, [gates, length, batch, hidden])).address;
  projectInputs(core, checked, d, inputs, keep);
  const matrix = kernels.packedBytes(hidden, hidden) >>> 0;
  const packed = keep(blank(core, [gates, matrix / 4])).address;
  for (let g = 0; g < gates; g++) {
    const from = d.recurrent + g * hidden * hidden * 4;
    kernels.packMatrix(from, hidden * 4, MATRIX_COLUMNS, hidden, hidden, packed + g * matrix);
  }
  const resetBias = keep(blank(core, [hidden])).address;
  view(resetBias, hidden).set(d.bias?.[1].subarray(2 * hidden, 3 * hidden) ?? new Float32Array(hidden));
  const [next, nextC, scratch] = [0, 1, 2].map(() => keep(blank(core, [batch, hidden])).address) as [
    number,
    number,
    number,
  ];

  /** to (+)= from [B, H] times the recurrent matrix of gate g, transposed. */
  const recur = (g: number, from: number, to: number, bias?: number) =>
    multiply(core, {
      rows: batch,
      columns: hidden,
      depth: hidden,
      a: from,
      aRow: hidden * 4,
      b: packed + g * matrix,
      c: to,
      cRow: hidden * 4,
      ...(bias === undefined ? { accumulate: 1 } : { bias }),
    });
  const activate = (f: number, at: number) => {
    const { clip } = checked;
    if (clip !== undefined) {
      const x = view(at);
      for (let i = 0; i < n; i++) x[i] = Math.min(Math.max(x[i]!, -clip), clip);
    }
    activateInPlace(core, checked.activations[d.way]![f]!, at, n);
  };
  /** x_i = f(x_i, y_i, z_i) */
  const combine = (x: number, y: number, z: number, f: (x: number, y: number, z: number, i: number) => number) => {
    const [a, b, c] = [view(x), view(y), view(z)];
    for (let i = 0; i < n; i++) a[i] = f(a[i]!, b[i]!, c[i]!, i);
  };

  const steps: Record<CheckedRecurrent["cell"], (at: readonly number[]) => void> = {
    RNN: ([x]) => {
      recur(0, d.h, x!);
      activate(0, x!);
      view(next).set(view(x!));
    },
    GRU: ([z, r, x]) => {
      for (const [g, at] of [z!, r!].entries()) {
        recur(g, d.h, at);
        activate(0, at);
      }
      if (checked.linearBeforeReset) {
        recur(2, d.h, scratch, resetBias);
        combine(x!, r!, scratch, (x, r, u) => x + r * u);
      } else {
        combine(scratch, r!, d.h, (_, r, h) => r * h);
        recur(2, scratch, x!);
      }
      activate(1, x!);
      view(next).set(view(x!));
      combine(next, z!, d.h, (x, z, h) => (1 - z) * x + z * h);
    },
    LSTM: ([i, o, f, x]) => {
      for (const [g, at] of [i!, o!, f!, x!].entries()) recur(g, d.h, at);
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
      view(nextC).set(view(d.c));
      combine(nextC, f!, f!, (c, f) => c * f);
      combine(nextC, i!, x!, (c, i, x) => c + i * x);
      peep(o!, nextC, 1);
      activate(0, o!);
      view(next).set(view(nextC));
      activate(2, next);
      combine(next, o!, o!, (h, o) => h * o);
    },
  };

  for (let step = 0; step < length; step++) {
    const t = checked.reversed[d.way] ? length - 1 - step : step;
    const at = Array.from({ length: gates }, (_, g) => inputs + (g * length + t) * n * 4);
    steps[checked.cell](at);
    const output = view(d.output + t * d.outputStep);
    for (let b = 0; b < batch; b++) {
      const row = b * hidden;
      if (d.lengths && d.lengths[b]! <= t) {
        output.fill(0, row, row + hidden);
        continue;
      }
      const h = view(next).subarray(row, row + hidden);
      view(d.h).set(h, row);
      output.set(h, row);
      if (d.c) view(d.c).set(view(nextC).subarray(row, row + hidden), row);
    }
  }
}

/** W x of every gate and step, with the biases that do not pass through a reset gate. */
function projectInputs(core: Core, checked: CheckedRecurrent, d: Direction, inputs: number, keep: Keep): void {
  const { batch, hidden, gates, length, features } = d;
  const bias = keep(blank(core, [gates * hidden])).address;
  const afterReset = checked.cell === "GRU" && checked.linearBeforeReset ? 2 * hidden : gates * hidden;
  const sums = Float32Array.from({ length: gates * hidden }, (_, i) => {
    if (!d.bias) return 0;
    return d.bias[0][i]! + (i < afterReset ? d.bias[1][i]! : 0);
  });
  new Float32Array(core.memory.memory.buffer, bias, sums.length).set(sums);
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
