// Random ONNX Attention nodes, with what the operator's text says of them: which keys are seen, and what is added.
import type { DType, HostTensor } from "../../src/index.js";
import type { AttentionAttributes } from "../../src/onnx/index.js";
import type { Operand, Result } from "../../src/reference/index.js";
import { hostTensor, operandOf, size, swapHeads } from "../properties/arrays.js";
import { Random } from "../properties/random.js";

export interface OnnxNode {
  readonly inputs: readonly (HostTensor | null)[];
  readonly attributes: AttentionAttributes;
  /** Q, and K and V with their past, as [B, H, S, D]. */
  readonly operands: readonly [Operand, Operand, Operand];
  readonly visible: (b: number, h: number, i: number, j: number) => boolean;
  readonly bias: Operand | undefined;
  /** [B, H, S, D] in the order of Y. */
  readonly flatten: (output: Result) => ArrayLike<number>;
  readonly where: string;
}

export function randomNode(seed: number): OnnxNode {
  const random = new Random(seed + 5000);
  const [B, Hk] = [random.integer(1, 3), random.integer(1, 3)];
  const H = Hk * random.integer(1, 3);
  const [Sq, Sk] = [random.integer(1, 9), random.integer(1, 9)];
  const [D, Dv] = [random.pick([1, 3, 8, 16]), random.pick([1, 5, 8])];
  const dtype = random.pick<DType>(["float32", "float32", "float16", "bfloat16"]);
  const cache = random.pick(["none", "past", "nonpad"]);
  const P = cache === "past" ? random.integer(0, 7) : 0;
  const total = P + Sk;
  const flat = seed > 0 && random.chance(0.5);
  const tensor = (...shape: number[]) => hostTensor(random.normals(size(shape)), shape, dtype);
  const [Q, K, V] = [tensor(B, H, Sq, D), tensor(B, Hk, total, D), tensor(B, Hk, total, Dv)];
  const past = cache === "past";
  const nonpad = cache === "nonpad" ? Array.from({ length: B }, () => random.integer(0, total)) : undefined;

  const attributes: Record<string, number> = { qk_matmul_output_mode: random.integer(0, 3) };
  if (random.chance(0.5)) attributes.is_causal = random.integer(0, 1);
  if (random.chance(0.3)) attributes.softcap = random.pick([0, 0.5, 3]);
  if (random.chance(0.3)) attributes.scale = random.pick([0.1, 1, -0.5]);
  if (random.chance(0.3)) attributes.left_window_size = random.integer(-1, 6);
  if (random.chance(0.3)) attributes.right_window_size = random.integer(-1, 6);
  if (random.chance(0.2)) attributes.softmax_precision = random.pick([1, 10, 11, 16]);
  if (flat || random.chance(0.1)) Object.assign(attributes, { q_num_heads: H, kv_num_heads: Hk });

  const mask = random.chance(0.6) ? randomMask(random, [B, H, Sq, total]) : undefined;
  const boolean = mask?.dtype === "bool";
  const seen = mask && padded(mask, total);
  const inputs = [
    heads(Q, flat),
    heads(rowsOf(K, P, total), flat),
    heads(rowsOf(V, P, total), flat),
    mask ?? null,
    past ? rowsOf(K, 0, P) : null,
    past ? rowsOf(V, 0, P) : null,
    nonpad ? { data: BigInt64Array.from(nonpad, BigInt), shape: [B] } : null,
  ];
  const { is_causal, left_window_size: left = -1, right_window_size: right = -1 } = attributes;
  return {
    inputs,
    attributes,
    operands: [operandOf(Q), operandOf(K), operandOf(V)],
    visible: (b, h, i, j) => {
      const position = i + (nonpad ? nonpad[b]! - Sq : P);
      return (
        (!is_causal || j <= position) &&
        (left < 0 || j >= position - left) &&
        (right < 0 || j <= position + right) &&
        (!nonpad || j < nonpad[b]!) &&
        (!boolean || seen!.at(b, h, i, j) !== 0)
      );
    },
    bias: mask && !boolean ? { data: seen!.data, shape: seen!.shape } : undefined,
    flatten: ({ data }) => (flat ? inRows(data, [B, H, Sq, Dv]) : data),
    where: `node ${seed}: ${JSON.stringify({ B, H, Hk, Sq, Sk, D, Dv, dtype, cache, P, nonpad, flat, mask: mask?.shape, boolean })} ${JSON.stringify(attributes)}`,
  };
}

/** Boolean or float, of rank 1 to 4, axes of 1 among them, the last one maybe short. */
function randomMask(random: Random, scores: readonly number[]): HostTensor {
  const width = random.chance(0.4) ? random.integer(1, scores[3]!) : scores[3]!;
  const lead = scores.slice(0, 3).map((n) => (random.chance(0.3) ? 1 : n));
  const shape = [...lead.slice(random.integer(0, 3)), width];
  const dtype = random.pick<DType>(["bool", "float32", "float16", "bfloat16"]);
  if (dtype === "bool") {
    return { data: Uint8Array.from({ length: size(shape) }, () => (random.chance(0.7) ? 1 : 0)), shape, dtype };
  }
  const numbers = random.normals(size(shape)).map((x) => (random.chance(0.15) ? Number.NEGATIVE_INFINITY : x));
  return hostTensor(numbers, shape, dtype);
}

/** The mask of all keys: false or -Infinity after its last column. */
function padded(mask: HostTensor, total: number) {
  const { data, shape } = operandOf(mask);
  const width = shape.at(-1)!;
  const wide = [...shape.slice(0, -1), total];
  const numbers = Float64Array.from({ length: size(wide) }, (_, at) => {
    const [row, column] = [Math.floor(at / total), at % total];
    if (column >= width) return mask.dtype === "bool" ? 0 : Number.NEGATIVE_INFINITY;
    return data[row * width + column]!;
  });
  const four = [1, 1, 1, ...wide].slice(-4) as [number, number, number, number];
  return {
    data: numbers,
    shape: wide,
    at: (...index: [number, number, number, number]) =>
      numbers[index.reduce((at, i, axis) => at * four[axis]! + (four[axis] === 1 ? 0 : i), 0)]!,
  };
}

/** Rows from to end - 1 of every head. */
function rowsOf(tensor: HostTensor, from: number, end: number): HostTensor {
  const [B, H, S, D] = tensor.shape as [number, number, number, number];
  const source = tensor.data as Float32Array;
  const data = new (source.constructor as new (n: number) => Float32Array)(B * H * (end - from) * D);
  for (let h = 0; h < B * H; h++)
    data.set(source.subarray((h * S + from) * D, (h * S + end) * D), h * (end - from) * D);
  return { ...tensor, data, shape: [B, H, end - from, D] };
}

/** [B, S, H * D] where flat. */
function heads(tensor: HostTensor, flat: boolean): HostTensor {
  if (!flat) return tensor;
  const [B, H, S, D] = tensor.shape as [number, number, number, number];
  return { ...swapHeads(tensor), shape: [B, S, H * D] };
}

function inRows(data: Float64Array, [B, H, S, D]: [number, number, number, number]): Float64Array {
  return Float64Array.from(data, (_, at) => {
    const [d, h, s, b] = [at % D, Math.floor(at / D) % H, Math.floor(at / (D * H)) % S, Math.floor(at / (D * H * S))];
    return data[((b * H + h) * S + s) * D + d]!;
  }).subarray(0, B * H * S * D);
}
