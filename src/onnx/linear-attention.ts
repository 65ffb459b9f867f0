// ONNX LinearAttention, opset 27: https://onnx.ai/onnx/operators/onnx__LinearAttention.html
import { choice } from "../checks.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import type { AnyTensor, Engine, HostTensor } from "../index.js";
import { linearAttention } from "../layers/functions/linear-attention.js";
import {
  dtypeOf,
  type Inputs,
  integerAttribute,
  isResident,
  knownAttributes,
  nameInputs,
  numberAttribute,
  Residents,
  sameKinds,
} from "./inputs.js";

type Integer = number | bigint;

export interface LinearAttentionAttributes {
  readonly q_num_heads: Integer;
  /** q_num_heads is a multiple of it. */
  readonly kv_num_heads: Integer;
  /** `gated` and `gated_delta` need decay, `delta` and `gated_delta` beta; the default is `gated_delta`. */
  readonly update_rule?: "linear" | "gated" | "delta" | "gated_delta";
  /** Default 0: 1 / sqrt of the head size. */
  readonly scale?: number;
  /** Accepted and not needed: it changes no result. */
  readonly chunk_size?: Integer;
}

const INPUTS = ["query", "key", "value", "past_state", "decay", "beta"] as const;
const ATTRIBUTES = ["q_num_heads", "kv_num_heads", "update_rule", "scale", "chunk_size"];
type Named = Record<(typeof INPUTS)[number], AnyTensor | undefined>;

/**
 * @param inputs query [B, T, Hq * Dk], key [B, T, H * Dk], value [B, T, H * Dv], past_state [B, H, Dk, Dv], decay [B, T, H]
 *   or [B, T, H * Dk], beta [B, T, H] or [B, T, 1]; past_state may have a dtype of its own
 * @returns [output, present_state]: [B, T, Hq * Dv] in the dtype of query, [B, H, Dk, Dv] in that of past_state or else query
 */
export function LinearAttention<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: LinearAttentionAttributes,
): [output: T, presentState: T] {
  const named = nameInputs("LinearAttention", inputs, INPUTS, 3);
  if (typeof attributes !== "object" || attributes === null) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `attributes must be an object: got ${show(attributes)}`);
  }
  const { queryHeads, heads, scale } = checkAttributes(named, attributes);
  const { keySize, valueSize } = checkShapes(named, queryHeads, heads);
  sameKinds(named, INPUTS, ["past_state"]);
  const { query, key, value, decay, beta } = named;
  const [batch, length] = query!.shape as [number, number, number];
  const residents = new Residents(engine);
  const shaped = (tensor: AnyTensor, shape: readonly number[]): AnyTensor =>
    isResident(tensor) ? residents.reshape(tensor, shape) : { ...tensor, shape };
  const apart = (tensor: AnyTensor, count: number, size: number) => shaped(tensor, [batch, length, count, size]);
  try {
    const past = named.past_state ?? emptyState(residents, query!, [batch, heads, keySize, valueSize]);
    const perChannel = decay && decay.shape[2] !== heads;
    const { output, state } = linearAttention(
      engine,
      apart(query!, queryHeads, keySize),
      apart(key!, heads, keySize),
      apart(value!, heads, valueSize),
      {
        layout: "BSHD",
        ...(past && { state: past }),
        ...(decay && { decay: perChannel ? apart(decay, heads, keySize) : decay }),
        ...(beta && { beta }),
        ...(scale !== 0 && { scale }),
      },
    );
    if (isResident(output)) residents.own(output);
    const flat = shaped(output, [batch, length, queryHeads * valueSize]);
    return [(isResident(flat) ? residents.release(flat, true) : flat) as T, state as T];
  } finally {
    residents.end();
  }
}

/** Zeros in the dtype that present_state shall have; undefined where that is float32, which needs none. */
function emptyState(residents: Residents, query: AnyTensor, shape: readonly number[]): AnyTensor | undefined {
  const dtype = dtypeOf("query", query);
  if (dtype === "float32") return undefined;
  const size = shape.reduce((n, each) => n * each, 1);
  if (isResident(query)) return residents.place({ data: new Uint16Array(size), shape, dtype });
  const SameArray = query.data.constructor as new (n: number) => HostTensor["data"];
  return { data: new SameArray(size), shape, dtype };
}

function checkAttributes(named: Named, attributes: LinearAttentionAttributes) {
  knownAttributes("LinearAttention", attributes, ATTRIBUTES);
  const positive = (name: "q_num_heads" | "kv_num_heads" | "chunk_size", fallback: number) =>
    integerAttribute(name, attributes[name], fallback, (n) => n > 0, "an integer of at least 1");
  const [queryHeads, heads] = [positive("q_num_heads", 0), positive("kv_num_heads", 0)];
  positive("chunk_size", 64);
  for (const [name, count] of [
    ["q_num_heads", queryHeads],
    ["kv_num_heads", heads],
  ] as const) {
    if (count === 0) throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be given`);
  }
  if (queryHeads % heads !== 0) {
    throw wrongValue("ERR_VALUE", `q_num_heads must be a multiple of kv_num_heads: got ${queryHeads} and ${heads}`);
  }
  const rule = choice("update_rule", attributes.update_rule ?? "gated_delta", [
    "linear",
    "gated",
    "delta",
    "gated_delta",
  ]);
  for (const [name, word] of [
    ["decay", "gated"],
    ["beta", "delta"],
  ] as const) {
    const wanted = rule.includes(word);
    if (wanted === (named[name] !== undefined)) continue;
    if (wanted) throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be given with update_rule '${rule}'`);
    throw wrongValue("ERR_VALUE", `${name} must not be given with update_rule '${rule}'`);
  }
  return { queryHeads, heads, scale: numberAttribute("scale", attributes.scale) ?? 0 };
}

function checkShapes(named: Named, queryHeads: number, heads: number) {
  const { query, key, value } = named;
  const [keySize, , valueSize] = [
    headSize("query", query!, queryHeads, "q_num_heads"),
    headSize("key", key!, heads, "kv_num_heads"),
    headSize("value", value!, heads, "kv_num_heads"),
  ];
  const [batch, length] = query!.shape as [number, number, number];
  exact("key", key!, [[batch], [length], [heads * keySize]]);
  exact("value", value!, [[batch], [length], [heads * valueSize]]);
  if (named.past_state) exact("past_state", named.past_state, [[batch], [heads], [keySize], [valueSize]]);
  if (named.decay) exact("decay", named.decay, [[batch], [length], [heads, heads * keySize]]);
  if (named.beta) exact("beta", named.beta, [[batch], [length], [heads, 1]]);
  return { keySize, valueSize };
}

/** Of [B, T, heads * size]. */
function headSize(name: string, { shape }: AnyTensor, heads: number, attribute: string): number {
  if (shape.length !== 3) {
    throw wrongValue("ERR_SHAPE", `${name}.shape must have 3 axes: got [${shape.join(", ")}]`);
  }
  const width = shape[2]!;
  if (width === 0 || width % heads !== 0) {
    throw wrongValue("ERR_SHAPE", `${name}.shape[2] must be a multiple of ${attribute} ${heads}: got ${width}`);
  }
  return width / heads;
}

/** Throws unless each axis has one of its sizes. */
function exact(name: string, { shape }: AnyTensor, sizes: readonly (readonly number[])[]): void {
  if (shape.length !== sizes.length || sizes.some((allowed, axis) => !allowed.includes(shape[axis]!))) {
    const expected = sizes.map((allowed) => [...new Set(allowed)].join(" or ")).join(", ");
    throw wrongValue("ERR_SHAPE", `${name}.shape must be [${expected}]: got [${shape.join(", ")}]`);
  }
}
