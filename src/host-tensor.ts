// Tensors in arrays of the host: what callers hand over and get back.
import { integer, MOST_INTEGER } from "./checks.js";
import type { LinearMemory } from "./engine/memory.js";
import { show, wrongKind, wrongValue } from "./errors.js";
import { elements, showShape } from "./shape.js";

export type DType = "float32" | "float16" | "bfloat16" | "int32" | "int64" | "bool";

/** Bytes of one element. */
export const ELEMENT_BYTES: Record<DType, number> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
};

/** A Float16Array, where the runtime has them. */
export interface Float16ArrayLike extends ArrayBufferView {
  readonly length: number;
  readonly [Symbol.toStringTag]: "Float16Array";
  [index: number]: number;
}

export type HostData = Float32Array | Uint16Array | Uint8Array | Int32Array | BigInt64Array | Float16ArrayLike;

/**
 * A tensor in arrays of the host, row-major. The data's class tells the dtype: Float32Array float32, Float16Array
 * float16, Int32Array int32, BigInt64Array int64; a Uint16Array needs `dtype: 'float16'` or `'bfloat16'`, a Uint8Array is bool.
 */
export interface HostTensor<D extends HostData = HostData> {
  readonly data: D;
  readonly shape: readonly number[];
  readonly dtype?: DType;
}

type HostArray = Exclude<HostData, Float16ArrayLike>;

interface HostArrayClass {
  new (n: number): HostArray;
  new (from: HostArray): HostArray;
  new (buffer: ArrayBufferLike, address: number, n: number): HostArray;
}

/** The class of host arrays for a dtype; float16 as bits. */
export const HOST_ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as unknown as Record<DType, HostArrayClass>;

/** A host tensor whose parts are known to fit together. */
export interface CheckedHostTensor {
  readonly data: HostData;
  /** The same memory, as long as it was when it was checked. */
  readonly bytes: Uint8Array;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * What stands at an address of a memory, in an array of its own.
 * @param like data whose kind of array it takes: a Float16Array for a Float16Array
 */
export function hostCopy(
  { memory }: LinearMemory,
  address: number,
  shape: readonly number[],
  dtype: DType,
  like?: HostData,
): HostTensor {
  const Kind = HOST_ARRAYS[dtype];
  // Not made of zeros first
  let data: HostData = new Kind(new Kind(memory.buffer, address, elements(shape)));
  if (dtype === "float16" && like?.[Symbol.toStringTag] === "Float16Array") {
    const Float16 = like.constructor as new (buffer: ArrayBufferLike) => HostData;
    data = new Float16(data.buffer);
  }
  return { data, shape: [...shape], dtype };
}

/** A reader of what a typed array itself says, whatever a subclass overrides. */
function own<T>(name: "length" | "buffer" | "byteOffset" | typeof Symbol.toStringTag): (data: unknown) => T {
  const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name)!;
  return (data) => Reflect.apply(get!, data, []);
}

export const ownLength = own<number>("length");
const ownBuffer = own<ArrayBuffer & { detached?: boolean }>("buffer");
const ownOffset = own<number>("byteOffset");
/** Undefined for anything but typed arrays. */
export const ownTag = own<string | undefined>(Symbol.toStringTag);

const DTYPES_OF: Record<string, readonly DType[]> = {
  Float32Array: ["float32"],
  Float16Array: ["float16"],
  Uint16Array: ["float16", "bfloat16"],
  Uint8Array: ["bool"],
  Int32Array: ["int32"],
  BigInt64Array: ["int64"],
};

/** @internal Checks a host tensor; `name` is the argument as the caller wrote it. */
export function checkHostTensor(name: string, tensor: unknown): CheckedHostTensor {
  const { data, shape, dtype } = Object(tensor) as Partial<HostTensor>;
  if (data === undefined || shape === undefined) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a Tensor or { data, shape }: got ${show(tensor)}`);
  }
  const array = ownTag(data);
  const dtypes = DTYPES_OF[array as string];
  if (!dtypes) {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `${name}.data must be a Float32Array, Float16Array, Uint16Array, Uint8Array, Int32Array or BigInt64Array: got ${show(data)}`,
    );
  }
  const actual = dtype ?? (dtypes.length === 1 ? dtypes[0]! : undefined);
  if (actual === undefined || !dtypes.includes(actual)) {
    throw wrongKind(
      "ERR_DTYPE",
      `${name}.dtype must be ${dtypes.map((d) => `'${d}'`).join(" or ")} for a ${array}: got ${show(dtype)}`,
    );
  }
  const sizes = Array.isArray(shape) ? [...shape] : shape;
  checkShape(`${name}.shape`, sizes);
  const length = ownLength(data);
  const buffer = ownBuffer(data);
  if (buffer.detached) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name}.data must not be detached: its buffer was transferred`);
  }
  if (elements(sizes) !== length) {
    throw wrongValue(
      "ERR_SHAPE",
      `${name}.data must have the ${elements(sizes)} elements of its shape ${showShape(sizes)}: it has ${length}`,
    );
  }
  return { data, bytes: bytesOf(data, actual), shape: sizes, dtype: actual };
}

/** The memory of a host array. */
export function bytesOf(data: HostData, dtype: DType): Uint8Array {
  return new Uint8Array(ownBuffer(data), ownOffset(data), ownLength(data) * ELEMENT_BYTES[dtype]);
}

/** @internal Throws unless a shape is an array of sizes. */
export function checkShape(name: string, shape: unknown): asserts shape is readonly number[] {
  const list = Array.isArray(shape) ? (shape as unknown[]) : undefined;
  if (!list) throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be an array of integers: got ${show(shape)}`);
  for (let i = 0; i < list.length; i++) integer(`${name}[${i}]`, list[i], 0, MOST_INTEGER, "ERR_SHAPE");
  // Without its zeros, so that strides of an empty tensor stay in range too
  if (!Number.isSafeInteger((list as number[]).reduce((product, n) => product * (n || 1), 1))) {
    throw wrongValue("ERR_SHAPE", `${name} has too many elements: ${showShape(list as number[])}`);
  }
}
