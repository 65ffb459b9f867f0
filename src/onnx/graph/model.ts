// ONNX graphs as JSON objects, and the tensors that they are computed on.

/** A constant. 16-bit floats are given as numbers; "Infinity", "-Infinity" and "NaN" stand for what JSON cannot write. */
export interface OnnxTensor {
  readonly dtype: "float32" | "float64" | "float16" | "bfloat16" | "int64" | "int32" | "bool";
  readonly shape: readonly number[];
  /** In row-major order. */
  readonly values: ArrayLike<number | bigint | boolean | string>;
}

export interface OnnxNode {
  readonly op: string;
  /** Only the default domain, "" or "ai.onnx". */
  readonly domain?: string;
  /** Names of tensors; "" for an absent optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** By ONNX's names; tensors as OnnxTensor. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Nodes stand after those whose outputs they read, as in a GraphProto. */
export interface OnnxGraph {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, OnnxTensor>>;
  readonly nodes: readonly OnnxNode[];
}

/** 16-bit floats are computed as float32, int64 in doubles: exact to 2^53. */
export type GraphType = "float32" | "float64" | "int64" | "int32" | "bool";

export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/** A tensor whose elements may not be known yet: what depends on the graph's input is known by type and shape alone. */
export interface Value {
  readonly type: GraphType;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Numbers | undefined;
}

/** Of each dtype, what it is computed as. */
export const TYPES: Record<OnnxTensor["dtype"], GraphType> = {
  float32: "float32",
  float16: "float32",
  bfloat16: "float32",
  float64: "float64",
  int64: "int64",
  int32: "int32",
  bool: "bool",
};

/** Of TensorProto's numbers of types. */
export const TYPE_NUMBERS: Record<number, GraphType> = {
  1: "float32",
  10: "float32",
  16: "float32",
  11: "float64",
  7: "int64",
  6: "int32",
  9: "bool",
};

export function isFloat(type: GraphType): boolean {
  return type === "float32" || type === "float64";
}

/** An array of zeros for n elements. */
export function arrayOf(type: GraphType, n: number): Numbers {
  switch (type) {
    case "float32":
      return new Float32Array(n);
    case "float64":
    case "int64":
      return new Float64Array(n);
    case "int32":
      return new Int32Array(n);
    case "bool":
      return new Uint8Array(n);
  }
}

/** The elements in another type, as Cast has it: floats lose their fraction towards 0, booleans are "not 0". */
export function converted(data: Numbers, from: GraphType, to: GraphType): Numbers {
  if (from === to) return data;
  const result = arrayOf(to, data.length);
  const truncates = isFloat(from) && (to === "int64" || to === "int32");
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    // A NaN has no integer: 0
    result[i] = to === "bool" ? Number(x !== 0) : truncates ? Math.trunc(x) || 0 : x;
  }
  return result;
}
