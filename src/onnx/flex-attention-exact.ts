// FlexAttention in float64, on the host.
import { wrongKind, wrongValue } from "../errors.js";
import { checkShape } from "../host-tensor.js";
import type { AnyTensor, Engine, HostTensor } from "../index.js";
import type { Operand } from "../operand.js";
import { elements } from "../shape.js";
import type { FlexSizes } from "./flex-attention-shapes.js";
import type { Prepared } from "./graph/prepare.js";
import { dtypeOf, hostOf, isResident } from "./inputs.js";
import { narrow, widen } from "./sixteen-bits.js";

/** What the engine itself does not compute with. */
export interface Float64Tensor {
  readonly data: Float64Array;
  readonly shape: readonly number[];
  readonly dtype?: "float64";
}

const kindOf = (data: unknown) => Object.prototype.toString.call(data).slice(8, -1);

export function isFloat64(tensor: object): tensor is Float64Tensor {
  return kindOf((tensor as Partial<Float64Tensor>).data) === "Float64Array";
}

/** A float64 input as an operand that others are compared with. */
export function float64Operand(name: string, { data, shape, dtype = "float64" }: Float64Tensor): Operand {
  if (dtype !== "float64") {
    throw wrongKind("ERR_DTYPE", `${name}.dtype must be 'float64' for a Float64Array: got ${dtype}`);
  }
  checkShape(`${name}.shape`, shape);
  if (elements(shape) !== data.length) {
    const expected = `the ${elements(shape)} elements of its shape`;
    throw wrongValue("ERR_SHAPE", `${name}.data must have ${expected}: it has ${data.length}`);
  }
  return { name, shape, strides: [], dtype: dtype as never };
}

/** The elements of a float tensor. */
export function float64Of(tensor: AnyTensor | Float64Tensor): Float64Array {
  if (isFloat64(tensor)) return tensor.data;
  const { data, dtype } = hostOf(tensor);
  const sixteen = kindOf(data) === "Uint16Array" ? widen(data as Uint16Array, dtype as "float16") : data;
  return Float64Array.from(sixteen as Float32Array);
}

/** Numbers in the dtype of V, the kind of its array, and on its side. */
export function likeV(
  engine: Engine,
  numbers: Float64Array<ArrayBuffer>,
  shape: readonly number[],
  V: AnyTensor | Float64Tensor,
): AnyTensor | Float64Tensor {
  if (isFloat64(V)) return { data: numbers, shape, dtype: "float64" };
  const dtype = dtypeOf("V", V);
  const floats = Float32Array.from(numbers);
  const data = dtype === "float16" || dtype === "bfloat16" ? narrow(floats, dtype) : floats;
  if (isResident(V)) return engine.tensor({ data, shape, dtype });
  if (kindOf(V.data) !== "Float16Array") return { data, shape, dtype };
  const Float16 = V.data.constructor as new (bits: ArrayBufferLike) => HostTensor["data"];
  return { data: new Float16(data.buffer), shape, dtype };
}

/**
 * Y [B, H, Sq, Dv]; the graphs are given [B, H, Sq, Sk].
 * @param double whether the graphs compute in float64
 */
export function exactAttention(
  [Q, K, V]: readonly [Float64Array, Float64Array, Float64Array],
  sizes: FlexSizes,
  scale: number,
  mods: { readonly score: Prepared | undefined; readonly prob: Prepared | undefined },
  double: boolean,
): Float64Array<ArrayBuffer> {
  const { batch, heads, keyHeads, queries, keys, headSize: D, valueSize: Dv } = sizes;
  const modified = (x: Float64Array, graph: Prepared | undefined) =>
    graph ? Float64Array.from(graph(double ? x : Float32Array.from(x))) : x;
  /** Where the first key of the head that a row's head shares stands. */
  const firstKey = (row: number) => {
    const head = Math.floor(row / queries);
    const group = heads / keyHeads;
    return (Math.floor(head / heads) * keyHeads + Math.floor((head % heads) / group)) * keys;
  };
  const rows = batch * heads * queries;
  const raw = new Float64Array(rows * keys);
  for (let row = 0; row < rows; row++) {
    const first = firstKey(row);
    for (let j = 0; j < keys; j++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += Q[row * D + d]! * K[(first + j) * D + d]!;
      raw[row * keys + j] = sum * scale;
    }
  }
  const scores = modified(raw, mods.score);
  const softmax = new Float64Array(rows * keys);
  for (let row = 0; row < rows; row++) {
    const own = scores.subarray(row * keys, (row + 1) * keys);
    const top = own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    if (top === Number.NEGATIVE_INFINITY) continue;
    const sum = own.reduce((total, x) => total + Math.exp(x - top), 0);
    for (let j = 0; j < keys; j++) softmax[row * keys + j] = Math.exp(own[j]! - top) / sum;
  }
  const probabilities = modified(softmax, mods.prob);
  const Y = new Float64Array(rows * Dv);
  for (let row = 0; row < rows; row++) {
    const first = firstKey(row);
    for (let j = 0; j < keys; j++) {
      const p = probabilities[row * keys + j]!;
      for (let d = 0; d < Dv; d++) Y[row * Dv + d]! += p * V[(first + j) * Dv + d]!;
    }
  }
  return Y;
}
