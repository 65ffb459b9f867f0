// Tensors in arrays of the host: what callers hand over and get back.
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
export interface HostTensor {
  readonly data: HostData;
  readonly shape: readonly number[];
  readonly dtype?: DType;
}

/** A zeroed host array for n elements of a dtype; float16 as bits. */
export function hostArray(dtype: DType, n: number): Exclude<HostData, Float16ArrayLike> {
  switch (dtype) {
    case "float32":
      return new Float32Array(n);
    case "float16":
    case "bfloat16":
      return new Uint16Array(n);
    case "int32":
      return new Int32Array(n);
    case "int64":
      return new BigInt64Array(n);
    case "bool":
      return new Uint8Array(n);
  }
}

/** @internal A host tensor whose parts are known to fit together. */
export interface CheckedHostTensor {
  readonly data: HostData;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

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
  const { data, shape, dtype } = (tensor ?? {}) as Partial<HostTensor>;
  if (typeof tensor !== "object" || tensor === null || data === undefined || shape === undefined) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a Tensor or { data, shape }: got ${show(tensor)}`);
  }
  const array = ArrayBuffer.isView(data)
    ? (data as unknown as { [Symbol.toStringTag]: string })[Symbol.toStringTag]
    : "";
  const dtypes = DTYPES_OF[array];
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
  checkShape(`${name}.shape`, shape);
  if (elements(shape) !== data.length) {
    throw wrongValue(
      "ERR_SHAPE",
      `${name}.data must have the ${elements(shape)} elements of its shape ${showShape(shape)}: it has ${data.length}`,
    );
  }
  return { data, shape, dtype: actual };
}

/** @internal Throws unless a shape is an array of sizes. */
export function checkShape(name: string, shape: unknown): asserts shape is readonly number[] {
  const list = Array.isArray(shape) ? (shape as unknown[]) : undefined;
  if (!list) throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be an array of integers: got ${show(shape)}`);
  for (let i = 0; i < list.length; i++) {
    const n = list[i];
    if (typeof n !== "number") throw wrongKind("ERR_ARGUMENT_TYPE", `${name}[${i}] must be an integer: got ${show(n)}`);
    if (!Number.isInteger(n) || n < 0)
      throw wrongValue("ERR_SHAPE", `${name}[${i}] must be an integer of at least 0: got ${n}`);
  }
  if (!Number.isSafeInteger(elements(list as number[]))) {
    throw wrongValue("ERR_SHAPE", `${name} has too many elements: ${showShape(list as number[])}`);
  }
}
