// A tensor as files hold it, and the error for files that cannot be read; shared by npy.ts, safetensors.ts and png.ts.
import { type DType, ELEMENT_BYTES } from "../host-tensor.js";

/** Always contiguous and row-major; float64 became float32, uint8 of zeros and ones became bool. */
export interface FileTensor {
  readonly data: Float32Array | Uint16Array | Uint8Array | Int32Array | BigInt64Array;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** The file is not what it claims to be, or not what we read: one sentence that goes after the file's name. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

/** More axes than numpy allows. */
const MAX_RANK = 64;

/**
 * Bytes that `shape` needs; refuses what is no shape. Called before anything is allocated.
 * `what` begins the sentence, such as 'the header' or 'tensor "query"'.
 */
export function bytesOfShape(shape: readonly unknown[], elementBytes: number, what: string): number {
  if (shape.length > MAX_RANK)
    throw new FormatError(`${what} has a shape of ${shape.length} axes; at most ${MAX_RANK}`);
  let bytes = elementBytes;
  for (const size of shape) {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      throw new FormatError(`${what} has the shape [${shape.slice(0, 8).join(", ")}], which is no shape`);
    }
    bytes *= size;
  }
  // A zero anywhere makes the product zero, so only a product that is huge without one can be wrong.
  if (!Number.isSafeInteger(bytes) && !shape.includes(0)) {
    throw new FormatError(`${what} has the shape [${shape.slice(0, 8).join(", ")}], more than any file can hold`);
  }
  return shape.includes(0) ? 0 : bytes;
}

/** Bytes (one element each) as booleans; refuses anything but 0 and 1. */
export function asBooleans(bytes: Uint8Array, what: string): Uint8Array {
  const at = bytes.findIndex((byte) => byte > 1);
  if (at >= 0) {
    throw new FormatError(
      `${what} is of bytes and holds ${bytes[at]}; bytes are read as booleans, which must be 0 or 1 (numbers: save as float32)`,
    );
  }
  return bytes;
}

/** float64 as float32; refuses numbers that it cannot hold, which would become infinite. */
export function asFloat32(wide: Float64Array, shape: readonly number[], what: string): Float32Array {
  const data = new Float32Array(wide);
  const at = data.findIndex((value, i) => !Number.isFinite(value) && Number.isFinite(wide[i]));
  if (at >= 0) {
    const position = positionOf(at, shape).join(", ");
    throw new FormatError(`${what} holds ${wide[at]} at [${position}], more than float32 can hold`);
  }
  return data;
}

/** Where the element `at` of the data lies. */
export function positionOf(at: number, shape: readonly number[]): number[] {
  const position: number[] = [];
  shape.reduceRight((rest, size) => {
    position.unshift(rest % size);
    return Math.floor(rest / size);
  }, at);
  return position;
}

/** The bytes of a tensor as a file stores them: little-endian, row-major. */
export function rawBytes(tensor: FileTensor, what: string): Uint8Array {
  const expected = bytesOfShape(tensor.shape, ELEMENT_BYTES[tensor.dtype], what);
  const { buffer, byteOffset, byteLength } = tensor.data;
  if (byteLength !== expected) {
    throw new FormatError(`${what} has ${byteLength} bytes of data where its shape needs ${expected}`);
  }
  return new Uint8Array(buffer, byteOffset, byteLength);
}
