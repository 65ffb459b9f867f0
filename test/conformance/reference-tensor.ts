// A resident tensor of the oracle: an array in C order as it was given, and its numbers, with the few methods that
// src/onnx uses.
import type { HostTensor } from "../../src/index.js";
import type { Operand } from "../../src/reference/index.js";
import { numbersOf } from "./tolerance.js";

/** What both host arrays and the oracle's float64 are. */
interface Stored {
  readonly length: number;
  [index: number]: number | bigint;
}

export class ReferenceTensor implements Operand {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly dtype: string | undefined;
  readonly #stored: Stored;

  private constructor(stored: Stored, shape: readonly number[], dtype: string | undefined) {
    this.#stored = stored;
    this.data = numbersOf({ data: stored, dtype });
    this.shape = shape;
    this.dtype = dtype;
    this.strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((n, size) => n * size, 1));
  }

  static of(tensor: Operand | HostTensor): ReferenceTensor {
    return new ReferenceTensor(tensor.data as Stored, tensor.shape, (tensor as HostTensor).dtype);
  }

  permute(axes: readonly number[]): ReferenceTensor {
    const shape = axes.map((axis) => this.shape[axis]!);
    const moved = new (this.#stored.constructor as new (n: number) => Stored)(this.#stored.length);
    for (let to = 0; to < moved.length; to++) {
      let from = 0;
      for (let i = axes.length - 1, rest = to; i >= 0; i--) {
        from += (rest % shape[i]!) * this.strides[axes[i]!]!;
        rest = Math.floor(rest / shape[i]!);
      }
      moved[to] = this.#stored[from]!;
    }
    return new ReferenceTensor(moved, shape, this.dtype);
  }

  reshape(shape: readonly number[]): ReferenceTensor {
    return new ReferenceTensor(this.#stored, shape, this.dtype);
  }

  toHost(): HostTensor {
    return { data: this.#stored, shape: this.shape, dtype: this.dtype } as unknown as HostTensor;
  }

  dispose(): void {}
}
