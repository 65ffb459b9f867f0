// Inputs and attributes of an operator as ONNX passes them: in order, absent ones null, integers as int64.
import { show, wrongKind, wrongValue } from "../errors.js";
import type { AnyTensor, DType, Engine, HostTensor, Tensor } from "../index.js";

/** Absent optional inputs are null, undefined or missing at the end. */
export type Inputs = readonly (AnyTensor | null | undefined)[];

/** Whether a tensor lives in an engine's memory. */
export function isResident(tensor: AnyTensor): tensor is Tensor {
  return "toHost" in tensor;
}

/** The inputs by name; throws where a required one is absent or there are more than the operator has. */
export function nameInputs<Name extends string>(
  operator: string,
  inputs: Inputs,
  names: readonly Name[],
  required: number,
): Record<Name, AnyTensor | undefined> {
  if (!Array.isArray(inputs)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `inputs must be an array in the order of the operator: got ${show(inputs)}`);
  }
  if (inputs.length > names.length) {
    throw wrongValue("ERR_VALUE", `${operator} has at most ${names.length} inputs: got ${inputs.length}`);
  }
  const named = {} as Record<Name, AnyTensor | undefined>;
  names.forEach((name, i) => {
    const input: unknown = inputs[i] ?? undefined;
    if (input === undefined && i < required) {
      throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a tensor: got ${show(inputs[i])}`);
    }
    if (input !== undefined && (typeof input !== "object" || !("shape" in (input as object)))) {
      throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a Tensor, { data, shape } or null: got ${show(input)}`);
    }
    named[name] = input as AnyTensor | undefined;
  });
  return named;
}

/** Throws for an attribute the operator does not have. */
export function knownAttributes(operator: string, attributes: object, known: readonly string[]): void {
  for (const name of Object.keys(attributes)) {
    if (!known.includes(name)) {
      throw wrongKind("ERR_UNKNOWN_OPTION", `${operator} has no attribute '${name}': it has ${known.join(", ")}`);
    }
  }
}

/** An integer attribute; `fallback` where it is absent. */
export function integerAttribute(
  name: string,
  value: unknown,
  fallback: number,
  allowed: (n: number) => boolean,
  expected: string,
): number {
  if (value === undefined) return fallback;
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number")
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be ${expected}: got ${show(value)}`);
  if (!Number.isInteger(number) || !allowed(number)) {
    throw wrongValue("ERR_VALUE", `${name} must be ${expected}: got ${show(value)}`);
  }
  return number;
}

/** 0 or 1, as ONNX writes booleans. */
export function flagAttribute(name: string, value: unknown): boolean {
  return integerAttribute(name, value, 0, (n) => n === 0 || n === 1, "0 or 1") === 1;
}

/** A finite number. */
export function numberAttribute(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number") throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a number: got ${show(value)}`);
  if (!Number.isFinite(value)) throw wrongValue("ERR_VALUE", `${name} must be finite: got ${value}`);
  return value;
}

/** The dtype of a tensor on either side; a host array's class tells it where it is not written down. */
export function dtypeOf(name: string, tensor: AnyTensor): DType {
  if (tensor.dtype) return tensor.dtype;
  const array = Object.prototype.toString.call((tensor as HostTensor).data).slice(8, -1);
  const dtype = DTYPES[array];
  if (!dtype) throw wrongKind("ERR_DTYPE", `${name}.dtype must say what the elements of its ${array} are`);
  return dtype;
}

const DTYPES: Record<string, DType> = {
  Float32Array: "float32",
  Float16Array: "float16",
  Uint8Array: "bool",
  Int32Array: "int32",
  BigInt64Array: "int64",
};

/** The elements of an integer tensor as numbers; int32 or int64, whichever of the two the operator `names`. */
export function integersOf(name: string, tensor: AnyTensor, names: DType = "int64"): Int32Array {
  const dtype = dtypeOf(name, tensor);
  if (dtype !== "int64" && dtype !== "int32") throw wrongKind("ERR_DTYPE", `${name} must be ${names}: got ${dtype}`);
  return Int32Array.from(hostOf(tensor).data as Int32Array | BigInt64Array, Number);
}

export function hostOf(tensor: AnyTensor): HostTensor {
  return isResident(tensor) ? tensor.toHost() : tensor;
}

/** Throws unless an axis has the size that another input gives it. */
export function equalAxis(
  name: string,
  shape: readonly number[],
  axis: number,
  expected: number,
  source: string,
): void {
  if (shape[axis] !== expected) {
    throw wrongValue(
      "ERR_SHAPE",
      `${name}.shape[${axis}] must equal ${source}: expected ${expected}, got ${shape[axis]}`,
    );
  }
}

/** Throws unless these inputs are on the side of the first, and all but `free` of its dtype. */
export function sameKinds<Name extends string>(
  named: Record<Name, AnyTensor | undefined>,
  names: readonly Name[],
  free: readonly Name[] = [],
): void {
  const [first, ...others] = names as readonly [Name, ...Name[]];
  const lead = named[first]!;
  const dtype = dtypeOf(first, lead);
  for (const name of others) {
    const tensor = named[name];
    if (!tensor) continue;
    const other = dtypeOf(name, tensor);
    if (other !== dtype && !free.includes(name)) {
      throw wrongKind("ERR_DTYPE", `${name} must be ${dtype}, as ${first} is: got ${other}`);
    }
    if (isResident(tensor) !== isResident(lead)) {
      const kind = (t: AnyTensor) => (isResident(t) ? "a resident Tensor" : "a host tensor");
      throw wrongKind("ERR_MIXED_KINDS", `${name} must be ${kind(lead)}, as ${first} is: got ${kind(tensor)}`);
    }
  }
}

/** Tensors in the engine's memory for the length of one call; all but those released are freed at its end. */
export class Residents {
  readonly #engine: Engine;
  readonly #owned = new Set<Tensor>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A tensor that ends with the call. */
  own(tensor: Tensor): Tensor {
    this.#owned.add(tensor);
    return tensor;
  }

  /** The tensor itself where it is resident, else a copy for the length of the call. */
  place(tensor: AnyTensor): Tensor {
    return isResident(tensor) ? tensor : this.own(this.#engine.tensor(tensor));
  }

  /** Reshapes, copying only what is not contiguous. */
  reshape(tensor: Tensor, shape: readonly number[]): Tensor {
    let stride = 1;
    const packed = [...tensor.shape].reverse().every((n, i) => {
      const expected = stride;
      stride *= n;
      return n === 1 || tensor.strides[tensor.shape.length - 1 - i] === expected;
    });
    return this.own((packed ? tensor : this.own(tensor.contiguous())).reshape(shape));
  }

  permute(tensor: Tensor, axes: readonly number[]): Tensor {
    return this.own(tensor.permute(axes));
  }

  /** A result that outlives the call: the tensor, or its copy on the host with the kind of array `like` has. */
  release(tensor: Tensor, resident: boolean, like?: AnyTensor): AnyTensor {
    if (resident) {
      this.#owned.delete(tensor);
      return tensor;
    }
    const host = tensor.toHost();
    const kind = like && !isResident(like) ? Object.prototype.toString.call(like.data) : "";
    if (kind !== "[object Float16Array]" || host.dtype !== "float16") return host;
    const Float16 = (like as HostTensor).data.constructor as new (bits: ArrayBufferLike) => HostTensor["data"];
    return { ...host, data: new Float16(host.data.buffer) };
  }

  end(): void {
    for (const tensor of this.#owned) tensor.dispose();
  }
}
