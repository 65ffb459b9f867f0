// Host tensors of the tests: made of random numbers, read as numbers, moved between layouts, compared bit by bit.
import * as assert from "uvu/assert";
import type { DType, HostTensor } from "../../src/index.js";
import { narrow } from "../../src/onnx/sixteen-bits.js";
import type { Operand } from "../../src/reference/index.js";
import { numbersOf } from "../conformance/tolerance.js";

export const size = (shape: readonly number[]): number => shape.reduce((n, extent) => n * extent, 1);

/** Numbers as a host tensor of a floating-point dtype, rounded to it. */
export function hostTensor(numbers: Float32Array, shape: readonly number[], dtype: DType = "float32"): HostTensor {
  const data = dtype === "float16" || dtype === "bfloat16" ? narrow(numbers, dtype) : numbers;
  return { data, shape, dtype };
}

/** What the oracle reads. */
export function operandOf(tensor: HostTensor): Operand {
  return { data: numbersOf(tensor), shape: tensor.shape };
}

/** [B, H, S, D] and [B, S, H, D], one from the other; other ranks as they are. */
export function swapHeads(tensor: HostTensor): HostTensor {
  if (tensor.shape.length !== 4) return tensor;
  const [B, H, S, D] = tensor.shape as [number, number, number, number];
  const from = tensor.data as Float32Array | Uint16Array;
  const data = new (from.constructor as new (n: number) => typeof from)(from.length);
  for (let row = 0; row < B * H * S; row++) {
    const [b, h, s] = [Math.floor(row / (H * S)), Math.floor(row / S) % H, row % S];
    data.set(from.subarray(row * D, (row + 1) * D) as never, ((b * S + s) * H + h) * D);
  }
  return { ...tensor, data, shape: [B, S, H, D] };
}

export function assertSameBits(got: HostTensor, want: HostTensor, what: string): void {
  assert.equal([...got.shape], [...want.shape], `${what}: shape`);
  const bytes = ({ data }: HostTensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [x, y] = [bytes(got), bytes(want)];
  const different = x.findIndex((byte, i) => byte !== y[i]);
  assert.ok(x.length === y.length && different < 0, `${what}: bytes differ from ${different} on`);
}

/** Largest |got - want|; NaN where one of them is NaN and the other not. */
export function largestError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  assert.is(got.length, want.length);
  let largest = 0;
  for (let i = 0; i < got.length; i++) {
    if (got[i] === want[i]) continue;
    const error = Math.abs(got[i]! - want[i]!);
    if (!(error <= largest)) largest = error;
    if (Number.isNaN(largest)) return largest;
  }
  return largest;
}
