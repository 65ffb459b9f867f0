// Arithmetic of shapes and strides, in elements.
import { wrongValue } from "./errors.js";

export function elements(shape: readonly number[]): number {
  let n = 1;
  for (let axis = 0; axis < shape.length; axis++) n *= shape[axis]!;
  return n;
}

/** Strides of a row-major tensor. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Whether elements lie in row-major order without gaps; axes of size 1 may have any stride. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return elements(shape) === 0;
    expected *= shape[axis]!;
  }
  return true;
}

/** One past the last element that the strides reach. */
export function extent({ shape, strides }: { shape: readonly number[]; strides: readonly number[] }): number {
  return elements(shape) && shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 1);
}

export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/**
 * Strides with which a tensor is read as `target`, broadcast from the right as NumPy does: 0 along axes it lacks or
 * has once. Throws ERR_SHAPE naming the first axis that does not fit.
 */
export function broadcastStrides(
  name: string,
  shape: readonly number[],
  strides: readonly number[],
  target: readonly number[],
): number[] {
  const extra = shape.length - target.length;
  const result = new Array<number>(target.length).fill(0);
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    const wanted = axis < extra ? 1 : target[axis - extra]!;
    if (size !== 1 && size !== wanted) {
      const expected = wanted === 1 ? "1" : `1 or ${wanted}`;
      throw wrongValue(
        "ERR_SHAPE",
        `${name}.shape[${axis}] must be ${expected} to broadcast to ${showShape(target)}: got ${size}`,
      );
    }
    if (axis >= extra && size !== 1) result[axis - extra] = strides[axis]!;
  }
  return result;
}

/**
 * The one stride with which leading axes are walked as if they were flat, or an error: 0 throughout, or packed.
 * @returns [size, stride]
 */
export function flattenAxes(name: string, shape: readonly number[], strides: readonly number[]): [number, number] {
  const size = elements(shape);
  const walked = shape.map((n, i) => [n, strides[i]!] as const).filter(([n]) => n !== 1);
  if (size === 0 || walked.length === 0) return [size, 0];
  for (let i = 0; i + 1 < walked.length; i++) {
    const [, stride] = walked[i]!;
    const [inner, innerStride] = walked[i + 1]!;
    if (stride !== inner * innerStride) {
      throw wrongValue("ERR_SHAPE", `the leading axes of ${name} must be contiguous: call contiguous() first`);
    }
  }
  return [size, walked.at(-1)![1]];
}
