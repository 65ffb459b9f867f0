// Weights in linear memory: as they are in the file, or packed for the matrix product.
import { DTYPE_FLOAT32 } from "../engine/abi.generated.js";
import type { Core } from "../engine/core.js";
import { wrongKind, wrongValue } from "../errors.js";
import type { HostTensor } from "../host-tensor.js";
import { elements } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { MATRIX_COLUMNS, PANEL } from "./abi.generated.js";
import { layerKernels } from "./kernels.js";
import type { PackedMatrix } from "./product.js";
import { blank } from "./temporaries.js";

/** A named weight of a module. */
export class Parameter {
  /** As in PyTorch's state_dict. */
  readonly shape: readonly number[];
  readonly #memory: Tensor;
  #ready = false;

  /** @internal @param room shape of what it takes in memory, where that is not the parameter's own */
  constructor(core: Core, shape: readonly number[], room: readonly number[] = shape) {
    this.shape = Object.freeze([...shape]);
    this.#memory = blank(core, room);
  }

  /** Whether it has values: from `loadWeights`, or because PyTorch starts it with constants. */
  get ready(): boolean {
    return this.#ready;
  }

  /** @internal Its memory, with values in it. */
  tensor(name: string): Tensor {
    if (this.#memory.disposed) throw wrongKind("ERR_DISPOSED", `the layer of ${name} was disposed of`);
    if (!this.#ready) throw wrongValue("ERR_WEIGHTS", `${name} has no values yet: call loadWeights first`);
    return this.#memory;
  }

  /** @internal */
  get memory(): Tensor {
    return this.#memory;
  }

  /** @internal Takes float32 values that lie in memory. */
  assign(address: number): void {
    this.store(this.#memory.core, address, this.#memory.address);
    this.#ready = true;
  }

  /** @internal All elements the same. */
  fill(value: number): void {
    const { core, address } = this.#memory;
    new Float32Array(core.memory.memory.buffer, address, elements(this.#memory.shape)).fill(value);
    this.#ready = true;
  }

  /** @internal */
  protected store(core: Core, from: number, to: number): void {
    layerKernels(core).widenRow(from, to, elements(this.shape), DTYPE_FLOAT32);
  }

  /** A copy of its values, as in the state_dict. */
  toHost(): HostTensor<Float32Array<ArrayBuffer>> {
    const { data } = this.tensor("the parameter").toHost();
    return { data: data as Float32Array<ArrayBuffer>, shape: [...this.shape] };
  }

  /** @internal */
  dispose(): void {
    this.#memory.dispose();
  }
}

/**
 * The weight of linear maps, [parts * N, K], packed for x W^T: parts * ceil(N / 8) panels of [K][8]. Parts are maps of their
 * own that one file entry holds (query, key and value of attention).
 */
export class PackedParameter extends Parameter {
  readonly #columns: number;
  readonly #depth: number;
  readonly #parts: number;

  constructor(core: Core, shape: readonly number[], parts = 1) {
    const [rows, depth] = [shape[0]!, elements(shape.slice(1))];
    const columns = rows / parts;
    super(core, shape, [parts, Math.ceil(columns / PANEL), depth, PANEL]);
    this.#columns = columns;
    this.#depth = depth;
    this.#parts = parts;
  }

  /** @internal The map `part`; or `count` maps side by side, which needs N to fill its panels. */
  matrix(name: string, part = 0, count = 1): PackedMatrix {
    const { address } = this.tensor(name);
    const bytes = Math.ceil(this.#columns / PANEL) * PANEL * this.#depth * 4;
    return { address: address + part * bytes, depth: this.#depth, columns: this.#columns * count };
  }

  /** @internal Whether several maps can be one product. */
  get seamless(): boolean {
    return this.#columns % PANEL === 0;
  }

  protected override store(core: Core, from: number, to: number): void {
    const kernels = layerKernels(core);
    const bytes = this.#columns * this.#depth * 4;
    const packed = Math.ceil(this.#columns / PANEL) * PANEL * this.#depth * 4;
    for (let part = 0; part < this.#parts; part++) {
      kernels.packMatrix(
        from + part * bytes,
        this.#depth * 4,
        MATRIX_COLUMNS,
        this.#depth,
        this.#columns,
        to + part * packed,
      );
    }
  }

  override toHost(): HostTensor<Float32Array<ArrayBuffer>> {
    const packed = this.tensor("the parameter").toHost().data as Float32Array;
    const [rows, depth] = [this.#columns, this.#depth];
    const panels = Math.ceil(rows / PANEL);
    const data = new Float32Array(this.#parts * rows * depth);
    for (let part = 0; part < this.#parts; part++) {
      for (let row = 0; row < rows; row++) {
        const panel = (part * panels + Math.floor(row / PANEL)) * depth * PANEL + (row % PANEL);
        for (let k = 0; k < depth; k++) data[(part * rows + row) * depth + k] = packed[panel + k * PANEL]!;
      }
    }
    return { data, shape: [...this.shape] };
  }
}
