// Tensors in the engine's memory, and views over them.
import { integer } from "./checks.js";
import type { Core } from "./engine/core.js";
import { show, wrongKind, wrongValue } from "./errors.js";
import {
  checkHostTensor,
  checkShape,
  type DType,
  ELEMENT_BYTES,
  HOST_ARRAYS,
  hostCopy,
  type HostData,
  type HostTensor,
} from "./host-tensor.js";
import { contiguousStrides, elements, extent, isContiguous, showShape } from "./shape.js";

/** Memory shared by the views of one tensor, freed with the last of them. */
class Storage {
  owners = 0;
  readonly core: Core;
  readonly address: number;
  readonly #bytes: number;
  constructor(core: Core, bytes: number) {
    this.core = core;
    this.#bytes = bytes;
    this.address = core.memory.allocate(bytes);
  }
  release(): void {
    this.owners--;
    if (this.owners === 0 && !this.core.closed) this.core.memory.free(this.address, this.#bytes);
  }
}

/**
 * A tensor in the engine's memory. Dispose of it when done (`tensor.dispose()` or `using`): the garbage collector
 * does not know of it. Views made by permute, slice, select, unsqueeze and reshape share its memory and copy nothing.
 */
export class Tensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Distance between neighbours along each axis, in elements. */
  readonly strides: readonly number[];
  readonly #storage: Storage;
  /** Elements between the start of the storage and the first element. */
  readonly #offset: number;
  #disposed = false;

  /** @param shape, strides frozen */
  private constructor(
    storage: Storage,
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
    dtype: DType,
  ) {
    this.#storage = storage;
    this.shape = shape;
    this.strides = strides;
    this.#offset = offset;
    this.dtype = dtype;
    storage.owners++;
    Object.freeze(this);
  }

  /** @internal Uninitialised memory. */
  static allocate(core: Core, shape: readonly number[], dtype: DType): Tensor {
    return Tensor.allocateFrozen(core, Object.freeze(shape), Object.freeze(contiguousStrides(shape)), dtype);
  }

  /** @internal The same, with the strides of a contiguous tensor. */
  static allocateFrozen(core: Core, shape: readonly number[], strides: readonly number[], dtype: DType): Tensor {
    core.open();
    return new Tensor(new Storage(core, elements(shape) * ELEMENT_BYTES[dtype]), shape, strides, 0, dtype);
  }

  /** @internal */
  get core(): Core {
    return this.#storage.core;
  }

  /** @internal Address of the first element; throws ERR_DISPOSED. */
  get address(): number {
    this.#check();
    return this.#storage.address + this.#offset * ELEMENT_BYTES[this.dtype];
  }

  get disposed(): boolean {
    return this.#disposed || this.#storage.core.closed;
  }

  #check(): void {
    if (this.disposed) throw wrongKind("ERR_DISPOSED", "tensor was disposed of");
  }

  #view(shape: readonly number[], strides: readonly number[], offset: number): Tensor {
    return new Tensor(this.#storage, Object.freeze(shape), Object.freeze(strides), offset, this.dtype);
  }

  /** The same elements with axes in another order: axis i of the result is axis axes[i] of this. */
  permute(axes: readonly number[]): Tensor {
    this.#check();
    const order = Array.isArray(axes) ? [...axes] : [];
    if (order.length !== this.shape.length || [...order].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
      throw wrongValue("ERR_VALUE", `axes must be a permutation of 0 to ${this.shape.length - 1}: got ${show(axes)}`);
    }
    return this.#view(
      order.map((axis) => this.shape[axis]!),
      order.map((axis) => this.strides[axis]!),
      this.#offset,
    );
  }

  /** Elements start to end - 1 along one axis. */
  slice(axis: number, start: number, end: number): Tensor {
    const size = this.#axis(axis);
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > size) {
      throw wrongValue("ERR_VALUE", `slice must lie in 0 to ${size}: got ${show(start)} to ${show(end)}`);
    }
    const shape = this.shape.map((n, i) => (i === axis ? end - start : n));
    return this.#view(shape, this.strides, this.#offset + start * this.strides[axis]!);
  }

  /** Element `index` along one axis, which the result no longer has. */
  select(axis: number, index: number): Tensor {
    const size = this.#axis(axis);
    integer("index", index, 0, size - 1);
    const without = (list: readonly number[]) => list.filter((_, i) => i !== axis);
    return this.#view(without(this.shape), without(this.strides), this.#offset + index * this.strides[axis]!);
  }

  /** The same elements with an axis of size 1 inserted at `axis`. */
  unsqueeze(axis: number): Tensor {
    this.#check();
    integer("axis", axis, 0, this.shape.length);
    return this.#view(this.shape.toSpliced(axis, 0, 1), this.strides.toSpliced(axis, 0, 0), this.#offset);
  }

  #axis(axis: number): number {
    this.#check();
    integer("axis", axis, 0, this.shape.length - 1);
    return this.shape[axis]!;
  }

  /** The same elements in another shape; only of a contiguous tensor. */
  reshape(shape: readonly number[]): Tensor {
    this.#check();
    checkShape("shape", shape);
    if (elements(shape) !== elements(this.shape)) {
      throw wrongValue(
        "ERR_SHAPE",
        `shape must hold ${elements(this.shape)} elements: ${showShape(shape)} holds ${elements(shape)}`,
      );
    }
    if (!isContiguous(this.shape, this.strides)) {
      throw wrongValue("ERR_SHAPE", "only a contiguous tensor can be reshaped: call contiguous() first");
    }
    return this.#view([...shape], contiguousStrides(shape), this.#offset);
  }

  /** A copy whose elements lie in row-major order. */
  contiguous(): Tensor {
    return upload(this.core, this.toHost());
  }

  /** A copy in an array of the host. float16 comes as a Uint16Array of its bits. */
  toHost(): HostTensor {
    const { address, shape, dtype } = this;
    const { memory } = this.core;
    if (isContiguous(shape, this.strides)) return hostCopy(memory, address, shape, dtype);
    const Kind = HOST_ARRAYS[dtype];
    const data = new Kind(elements(shape));
    gather(new Kind(memory.memory.buffer, address, extent(this)), shape, this.strides, data);
    return { data, shape: [...shape], dtype };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#storage.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** to = the elements of `from` in row-major order of shape. */
function gather(from: HostData, shape: readonly number[], strides: readonly number[], to: HostData): void {
  const index = new Array<number>(shape.length).fill(0);
  let at = 0;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      at -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}

/** @internal A resident copy of a host tensor. */
export function upload(core: Core, host: HostTensor, name = "tensor"): Tensor {
  const { bytes, shape, dtype } = checkHostTensor(name, host);
  const tensor = Tensor.allocate(core, shape, dtype);
  core.memory.bytes.set(bytes, tensor.address);
  return tensor;
}
