// Arguments of an operation, on whichever side they are: checked first, placed in memory once all checks have passed,
// and results on the side the arguments came from.
import type { CallScope, Core } from "./engine/core.js";
import { DTYPE_BFLOAT16, DTYPE_FLOAT16, DTYPE_FLOAT32, MAX_HEAD_DIM } from "./engine/abi.generated.js";
import { wrongKind, wrongValue } from "./errors.js";
import { contiguousStrides, elements, extent, isContiguous, showShape } from "./shape.js";
import {
  type CheckedHostTensor,
  checkHostTensor,
  type DType,
  ELEMENT_BYTES,
  hostCopy,
  type HostTensor,
} from "./host-tensor.js";
import { Tensor } from "./tensor.js";

/** A checked argument. */
export interface Operand {
  /** As the caller wrote it. */
  readonly name: string;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  readonly dtype: DType;
  /** One of the two. */
  readonly tensor?: Tensor;
  readonly host?: CheckedHostTensor;
}

export function operand(core: Core, name: string, argument: unknown): Operand {
  if (argument instanceof Tensor) {
    if (argument.disposed) throw wrongKind("ERR_DISPOSED", `${name} was disposed of`);
    if (argument.core !== core) throw wrongKind("ERR_FOREIGN_TENSOR", `${name} belongs to another engine`);
    return { name, shape: argument.shape, strides: argument.strides, dtype: argument.dtype, tensor: argument };
  }
  const host = checkHostTensor(name, argument);
  return { name, shape: host.shape, strides: contiguousStrides(host.shape), dtype: host.dtype, host };
}

/** Kernel codes of the dtypes that queries, keys and values may have. */
const FLOAT_CODES: Partial<Record<DType, number>> = {
  float32: DTYPE_FLOAT32,
  float16: DTYPE_FLOAT16,
  bfloat16: DTYPE_BFLOAT16,
};

/** The kernel's code of a floating-point operand's dtype. */
export function floatCode({ name, dtype }: Operand): number {
  const code = FLOAT_CODES[dtype];
  if (code === undefined) throw wrongKind("ERR_DTYPE", `${name} must be float32, float16 or bfloat16: got ${dtype}`);
  return code;
}

/** Throws unless all operands are on one side; returns whether that is the engine's. */
export function sameSide(operands: readonly Operand[]): boolean {
  const [first, ...others] = operands as [Operand, ...Operand[]];
  const resident = first.tensor !== undefined;
  const stray = others.find((other) => (other.tensor !== undefined) !== resident);
  if (stray) {
    const kind = (isResident: boolean) => (isResident ? "a resident Tensor" : "a host tensor");
    throw wrongKind(
      "ERR_MIXED_KINDS",
      `${stray.name} must be ${kind(resident)}, as ${first.name} is: got ${kind(!resident)}`,
    );
  }
  return resident;
}

export function sameDType(first: Operand, ...others: readonly Operand[]): void {
  for (const { name, dtype } of others) {
    if (dtype !== first.dtype) {
      throw wrongKind("ERR_DTYPE", `${name} must be ${first.dtype}, as ${first.name} is: got ${dtype}`);
    }
  }
}

/** Throws unless the elements of the last axis lie side by side, as the kernels read them. */
export function contiguousRows({ name, shape, strides }: Operand): void {
  if (shape.length > 0 && shape.at(-1) !== 1 && strides.at(-1) !== 1) {
    throw wrongValue("ERR_SHAPE", `the last axis of ${name} must be contiguous: call contiguous() first`);
  }
}

/** Throws unless the elements lie in row-major order without gaps. */
export function contiguous({ name, shape, strides }: Operand): void {
  if (!isContiguous(shape, strides)) {
    throw wrongValue("ERR_SHAPE", `${name} must be contiguous: call contiguous() first`);
  }
}

/** Throws unless the operand has exactly this shape; null stands for any size. */
export function exactShape({ name, shape }: Operand, expected: readonly (number | null)[]): void {
  const fits = shape.length === expected.length && expected.every((n, i) => n === null || n === shape[i]);
  if (!fits) {
    const wanted = showShape(expected.map((n) => n ?? "any") as number[]);
    throw wrongValue("ERR_SHAPE", `${name}.shape must be ${wanted}: got ${showShape(shape)}`);
  }
}

/** Throws unless a size can be that of a head: its tile must fit the scratch memory. */
export function headSize(name: string, size: number): void {
  if (size < 1 || size > MAX_HEAD_DIM) {
    throw wrongValue("ERR_SHAPE", `${name} must be at least 1 and at most ${MAX_HEAD_DIM}: got ${size}`);
  }
}

/** The address of an operand's first element; a host operand is copied in for the length of the call. */
export function place(scope: CallScope, { tensor, host }: Operand): number {
  return tensor ? tensor.address : placeHost(scope, host as CheckedHostTensor);
}

function placeHost(scope: CallScope, { bytes, shape, dtype }: CheckedHostTensor): number {
  if (bytes.length !== elements(shape) * ELEMENT_BYTES[dtype]) {
    throw wrongKind("ERR_ARGUMENT_TYPE", "a buffer was resized or detached during the call");
  }
  return scope.copyIn(bytes);
}

/** As `place`, for operands a kernel reads as float32: others are widened for the length of the call. */
export function placeFloat32(scope: CallScope, argument: Operand): number {
  const code = floatCode(argument);
  const address = place(scope, argument);
  if (code === DTYPE_FLOAT32) return address;
  const reach = extent(argument);
  const wide = scope.allocate(reach * 4);
  scope.core.kernels.widenRow(address, wide, reach, code);
  return wide;
}

/** The operand's elements in an array of the host. */
export function hostData({ tensor, host }: Operand): CheckedHostTensor["data"] {
  return tensor ? tensor.toHost().data : (host as CheckedHostTensor).data;
}

/** A result in the making: memory of the call, or a resident tensor that stays. */
export class Result {
  readonly address: number;
  readonly #shape: readonly number[];
  readonly #dtype: DType;
  readonly #tensor: Tensor | undefined;
  readonly #scope: CallScope;

  constructor(scope: CallScope, resident: boolean, shape: readonly number[], dtype: DType) {
    this.#scope = scope;
    this.#shape = shape;
    this.#dtype = dtype;
    this.#tensor = resident ? Tensor.allocate(scope.core, shape, dtype) : undefined;
    if (this.#tensor) scope.undo(() => this.#tensor?.dispose());
    this.address = this.#tensor?.address ?? scope.allocate(elements(shape) * ELEMENT_BYTES[dtype]);
  }

  /**
   * The finished result, on the side it was asked for.
   * @param like a host argument whose kind of array the result takes: a Float16Array for a Float16Array
   */
  take(like?: Operand): HostTensor | Tensor {
    if (this.#tensor) return this.#tensor;
    return hostCopy(this.#scope.core.memory, this.address, this.#shape, this.#dtype, like?.host?.data);
  }
}
