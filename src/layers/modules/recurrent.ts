// Recurrent networks with PyTorch's parameters and order of gates: RNN (Elman 1990), GRU (Cho et al. 2014), LSTM
// (Hochreiter and Schmidhuber 1997), in layers and both directions, over padded batches.
import type { AnyTensor } from "../../attention/options.js";
import { boolean, choice, integer, integers, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import { exactShape, floatCode, type Operand, operand } from "../../operand.js";
import { showShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { CELL_GRU, CELL_LSTM, CELL_RNN_RELU, CELL_RNN_TANH } from "../abi.generated.js";
import { Module } from "../module.js";
import { project } from "../product.js";
import { runDirection } from "../recurrence.js";
import { blank, copy, permuted, withTemporaries, zeros } from "../temporaries.js";

export interface RecurrentOptions {
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** Default 1. */
  readonly numLayers?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** x and output are [B, T, ...] instead of [T, B, ...]; default false. */
  readonly batchFirst?: boolean;
  /** Default false. */
  readonly bidirectional?: boolean;
}

export interface RNNOptions extends RecurrentOptions {
  /** Default `'tanh'`. */
  readonly nonlinearity?: "tanh" | "relu";
}

export interface LSTMOptions extends RecurrentOptions {
  /** Size that h is projected to (Sak, Senior and Beaufays 2014); default 0: not at all. */
  readonly projSize?: number;
}

/** What a forward pass takes besides x. */
export interface RecurrentInputs<T extends AnyTensor> {
  /** State to start from [layers * directions, B, hiddenSize]; default zeros. Order: layer 0 forward, layer 0 backward, ... */
  readonly h0?: T;
  /** Steps of each sequence of the batch, from 0 to T: what follows is padding, its output 0 (PyTorch's packed sequences). */
  readonly lengths?: readonly number[] | Int32Array | BigInt64Array;
}

export interface LSTMInputs<T extends AnyTensor> extends RecurrentInputs<T> {
  /** [layers * directions, B, hiddenSize]; default zeros */
  readonly c0?: T;
}

export interface RecurrentResult<T extends AnyTensor> {
  /** [T, B, directions * size], or as batchFirst says */
  readonly output: T;
  /** The state after the last step of each sequence, [layers * directions, B, size]. */
  readonly hN: T;
}

export interface LSTMResult<T extends AnyTensor> extends RecurrentResult<T> {
  /** [layers * directions, B, hiddenSize] */
  readonly cN: T;
}

const OPTIONS = ["inputSize", "hiddenSize", "numLayers", "bias", "batchFirst", "bidirectional"];

/**
 * Parameters of layer k: `weight_ih_lk` [gates * hiddenSize, its input], `weight_hh_lk` [gates * hiddenSize, size], `bias_ih_lk`,
 * `bias_hh_lk`, with projSize `weight_hr_lk`; with `_reverse` at the end for the other direction.
 */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly batchFirst: boolean;
  readonly bidirectional: boolean;
  /** Size of h. */
  protected readonly stateSize: number;
  readonly #cell: number;

  constructor(engine: Engine, options: LSTMOptions & RNNOptions, cell: number, gates: number, more: readonly string[]) {
    super(engine);
    knownOptions(options, [...OPTIONS, ...more]);
    this.inputSize = integer("inputSize", options.inputSize, 1);
    this.hiddenSize = integer("hiddenSize", options.hiddenSize, 1);
    this.numLayers = integer("numLayers", options.numLayers ?? 1, 1);
    this.batchFirst = boolean("batchFirst", options.batchFirst ?? false);
    this.bidirectional = boolean("bidirectional", options.bidirectional ?? false);
    const projSize = integer("projSize", options.projSize ?? 0, 0, this.hiddenSize - 1);
    const bias = boolean("bias", options.bias ?? true);
    this.#cell = cell;
    this.stateSize = projSize || this.hiddenSize;
    const rows = gates * this.hiddenSize;
    for (const suffix of this.#layers().flat()) {
      const width = suffix.startsWith("l0") ? this.inputSize : this.stateSize * (this.bidirectional ? 2 : 1);
      this.packedParameter(`weight_ih_${suffix}`, [rows, width]);
      this.packedParameter(`weight_hh_${suffix}`, [rows, this.stateSize]);
      if (bias) this.parameter(`bias_ih_${suffix}`, [rows]);
      if (bias) this.parameter(`bias_hh_${suffix}`, [rows]);
      if (projSize) this.packedParameter(`weight_hr_${suffix}`, [projSize, this.hiddenSize]);
    }
  }

  /** Of each layer the suffixes of its parameters, forward and perhaps backward. */
  #layers(): string[][] {
    const ways = this.bidirectional ? ["", "_reverse"] : [""];
    return Array.from({ length: this.numLayers }, (_, layer) => ways.map((way) => `l${layer}${way}`));
  }

  /** @internal */
  protected compute<T extends AnyTensor>(x: T, inputs: LSTMInputs<T>): LSTMResult<T> {
    this.ready();
    const lstm = this.#cell === CELL_LSTM;
    knownOptions(inputs, lstm ? ["h0", "c0", "lengths"] : ["h0", "lengths"]);
    const { core } = this;
    const input = operand(core, "x", x);
    const { length, batch } = this.#checkInput(input);
    const states = (["h0", "c0"] as const)
      .filter((name) => inputs[name] !== undefined)
      .map((name) => operand(core, name, inputs[name]));
    const count = this.numLayers * (this.bidirectional ? 2 : 1);
    for (const state of states) {
      floatCode(state);
      const size = state.name === "h0" ? this.stateSize : this.hiddenSize;
      exactShape(state, input.shape.length === 2 ? [count, size] : [count, batch, size]);
    }
    const lengths = inputs.lengths === undefined ? undefined : integers("lengths", inputs.lengths, 0, length);
    if (lengths && lengths.length !== batch) {
      throw wrongValue(
        "ERR_SHAPE",
        `lengths must have one entry per sequence: expected ${batch}, got ${lengths.length}`,
      );
    }
    const result = composite(core, [input, ...states], ["output", "hN", "cN"], ([sequence, ...given], keep) => {
      const start = (name: string, size: number) => {
        const index = states.findIndex((state) => state.name === name);
        const shape = input.shape.length === 2 ? [count, size] : [count, batch, size];
        return keep(index < 0 ? zeros(core, shape) : copy(core, given[index]!));
      };
      const h = start("h0", this.stateSize);
      const c = lstm ? start("c0", this.hiddenSize) : undefined;
      const output = this.#runLayers(sequence!, { length, batch, h, c, lengths });
      return { output, hN: h, ...(c && { cN: c }) } as { output: Tensor; hN: Tensor; cN: Tensor };
    });
    return result as unknown as LSTMResult<T>;
  }

  #checkInput(input: Operand): { length: number; batch: number } {
    floatCode(input);
    const { shape } = input;
    const rank = shape.length;
    if ((rank !== 2 && rank !== 3) || shape[rank - 1] !== this.inputSize) {
      const axes = this.batchFirst ? "[B, T" : "[T, B";
      throw wrongValue(
        "ERR_SHAPE",
        `x.shape must be ${axes}, ${this.inputSize}] or [T, ${this.inputSize}]: got ${showShape(shape)}`,
      );
    }
    if (rank === 2) return { length: shape[0]!, batch: 1 };
    const [length, batch] = this.batchFirst ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!];
    return { length, batch };
  }

  /** h and c, which start with what is given, end as the final states. */
  #runLayers(x: Tensor, sizes: Sizes): Tensor {
    const { core } = this;
    const { length, batch } = sizes;
    const width = this.stateSize * (this.bidirectional ? 2 : 1);
    const swapped = this.batchFirst && x.shape.length === 3;
    return withTemporaries((keep) => {
      // Steps first: the inputs of a step are one matrix
      let sequence = swapped ? keep(permuted(core, x, [1, 0, 2])) : x;
      for (const [layer, suffixes] of this.#layers().entries()) {
        const lead = x.shape.length === 2 ? [length] : [length, batch];
        const output = keep(blank(core, [...lead, width]));
        for (const [way, suffix] of suffixes.entries()) {
          this.#runDirection(sequence, sizes, suffix, layer * suffixes.length + way, {
            reverse: way === 1,
            output: output.address + way * this.stateSize * 4,
            outputRow: width * 4,
          });
        }
        sequence = output;
      }
      return swapped ? keep(permuted(core, sequence, [1, 0, 2])) : sequence;
    });
  }

  #runDirection(
    x: Tensor,
    { length, batch, h, c, lengths }: Sizes,
    suffix: string,
    index: number,
    way: { reverse: boolean; output: number; outputRow: number },
  ): void {
    withTemporaries((keep) => {
      const named = (name: string) => this.packed(`${name}_${suffix}`)?.matrix(`${name}_${suffix}`);
      const inputs = keep(project(this.core, x, named("weight_ih")!, this.optional(`bias_ih_${suffix}`)));
      runDirection(this.core, {
        ...way,
        cell: this.#cell,
        length,
        batch,
        hidden: this.hiddenSize,
        state: this.stateSize,
        inputs,
        recurrent: named("weight_hh")!,
        bias: this.optional(`bias_hh_${suffix}`),
        projection: named("weight_hr"),
        h: h.address + index * batch * this.stateSize * 4,
        c: c ? c.address + index * batch * this.hiddenSize * 4 : 0,
        lengths,
      });
      return [];
    });
  }
}

interface Sizes {
  readonly length: number;
  readonly batch: number;
  readonly h: Tensor;
  readonly c: Tensor | undefined;
  readonly lengths: Int32Array | undefined;
}

/** h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu. */
export class RNN extends Recurrent {
  constructor(engine: Engine, options: RNNOptions) {
    const nonlinearity = choice("nonlinearity", options?.nonlinearity ?? "tanh", ["tanh", "relu"]);
    super(engine, options, nonlinearity === "relu" ? CELL_RNN_RELU : CELL_RNN_TANH, 1, ["nonlinearity"]);
  }

  /** x [T, B, inputSize], with batchFirst [B, T, inputSize], or [T, inputSize] */
  forward<T extends AnyTensor>(x: T, inputs: RecurrentInputs<T> = {}): RecurrentResult<T> {
    return this.compute(x, inputs);
  }
}

/** Gates r, z, n: h' = (1 - z) n + z h, n = tanh(W_in x + b_in + r (W_hn h + b_hn)). */
export class GRU extends Recurrent {
  constructor(engine: Engine, options: RecurrentOptions) {
    super(engine, options, CELL_GRU, 3, []);
  }

  /** x [T, B, inputSize], with batchFirst [B, T, inputSize], or [T, inputSize] */
  forward<T extends AnyTensor>(x: T, inputs: RecurrentInputs<T> = {}): RecurrentResult<T> {
    return this.compute(x, inputs);
  }
}

/** Gates i, f, g, o: c' = f c + i g, h' = o tanh(c'). */
export class LSTM extends Recurrent {
  constructor(engine: Engine, options: LSTMOptions) {
    super(engine, options, CELL_LSTM, 4, ["projSize"]);
  }

  /** x [T, B, inputSize], with batchFirst [B, T, inputSize], or [T, inputSize] */
  forward<T extends AnyTensor>(x: T, inputs: LSTMInputs<T> = {}): LSTMResult<T> {
    return this.compute(x, inputs);
  }
}
