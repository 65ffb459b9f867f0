// The shapes of ONNX Attention's inputs, checked against one another; messages use the operator's own names.
import { wrongKind, wrongValue } from "../errors.js";
import type { AnyTensor } from "../index.js";
import type { CheckedAttributes } from "./attention-attributes.js";
import { dtypeOf, equalAxis, integersOf, sameKinds } from "./inputs.js";

export const INPUTS = ["Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"] as const;
export type NamedInputs = Record<(typeof INPUTS)[number], AnyTensor | undefined>;

export interface AttentionShapes {
  /** Whether Q, K and V have 3 axes, [B, S, H * D]. */
  readonly flat: boolean;
  readonly queryHeads: number;
  readonly keyHeads: number;
  readonly queryLength: number;
  readonly pastLength: number;
  /** Past and new keys together. */
  readonly keyLength: number;
  readonly valueSize: number;
}

const show = (shape: readonly number[]) => `[${shape.join(", ")}]`;

export function checkShapes(named: NamedInputs, attributes: CheckedAttributes): AttentionShapes {
  const [Q, K, V] = [named.Q!, named.K!, named.V!];
  const rank = Q.shape.length;
  if (rank !== 3 && rank !== 4) throw wrongValue("ERR_SHAPE", `Q.shape must have 3 or 4 axes: got ${show(Q.shape)}`);
  for (const [name, tensor] of [
    ["K", K],
    ["V", V],
  ] as const) {
    if (tensor.shape.length !== rank) {
      throw wrongValue("ERR_SHAPE", `${name}.shape must have ${rank} axes, as Q has: got ${show(tensor.shape)}`);
    }
  }
  const flat = rank === 3;
  const q = apart("Q", Q.shape, attributes.queryHeads, "q_num_heads");
  const k = apart("K", K.shape, attributes.keyHeads, "kv_num_heads");
  const v = apart("V", V.shape, attributes.keyHeads, "kv_num_heads");
  const last = rank - 1;
  const lengthAxis = flat ? 1 : 2;
  equalAxis("K", K.shape, 0, q.batch, "Q.shape[0]");
  equalAxis("V", V.shape, 0, q.batch, "Q.shape[0]");
  equalAxis("V", V.shape, lengthAxis, k.length, `K.shape[${lengthAxis}]`);
  if (!flat) {
    equalAxis("K", K.shape, last, q.size, `Q.shape[${last}]`);
    equalAxis("V", V.shape, 1, k.heads, "K.shape[1]");
  } else if (k.size !== q.size) {
    throw wrongValue("ERR_SHAPE", `the head sizes of K and Q must be equal: expected ${q.size}, got ${k.size}`);
  }
  if (k.heads === 0 ? q.heads !== 0 : q.heads % k.heads !== 0) {
    const names = flat
      ? "q_num_heads must be a multiple of kv_num_heads"
      : "Q.shape[1] must be a multiple of K.shape[1]";
    throw wrongValue("ERR_SHAPE", `${names}: got ${q.heads} and ${k.heads}`);
  }
  const pastLength = checkPast(named, q.batch, k.heads, k.size, v.size);
  const keyLength = pastLength + k.length;
  checkNonpad(named, q.batch, keyLength);
  checkMask(named.attn_mask, [q.batch, q.heads, q.length, keyLength]);
  sameKinds(named, ["Q", "K", "V", "past_key", "past_value"]);
  return {
    flat,
    queryHeads: q.heads,
    keyHeads: k.heads,
    queryLength: q.length,
    pastLength,
    keyLength,
    valueSize: v.size,
  };
}

/** Batch, heads, length and head size of one input. */
function apart(name: string, shape: readonly number[], heads: number, attribute: string) {
  if (shape.length === 4) {
    const [batch, own, length, size] = shape as [number, number, number, number];
    if (heads !== 0) equalAxis(name, shape, 1, heads, attribute);
    return { batch, heads: own, length, size };
  }
  if (heads === 0) throw wrongValue("ERR_VALUE", `${attribute} must be given where ${name} has 3 axes`);
  const [batch, length, width] = shape as [number, number, number];
  if (width % heads !== 0) {
    throw wrongValue("ERR_SHAPE", `${name}.shape[2] must be a multiple of ${attribute} ${heads}: got ${width}`);
  }
  return { batch, heads, length, size: width / heads };
}

/** The past length; 0 without a past. */
function checkPast(named: NamedInputs, batch: number, heads: number, keySize: number, valueSize: number): number {
  const { past_key: key, past_value: value } = named;
  if (!key && !value) return 0;
  if (!key || !value) {
    const [missing, present] = key ? ["past_value", "past_key"] : ["past_key", "past_value"];
    throw wrongKind("ERR_ARGUMENT_TYPE", `${missing} must be given together with ${present}`);
  }
  if (named.nonpad_kv_seqlen) {
    throw wrongValue("ERR_VALUE", "nonpad_kv_seqlen must not be given together with past_key and past_value");
  }
  const length = key.shape[2] ?? 0;
  for (const [name, tensor, size] of [
    ["past_key", key, keySize],
    ["past_value", value, valueSize],
  ] as const) {
    const expected = [batch, heads, length, size];
    if (tensor.shape.length !== 4 || expected.some((n, axis) => n !== tensor.shape[axis])) {
      throw wrongValue("ERR_SHAPE", `${name}.shape must be ${show(expected)}: got ${show(tensor.shape)}`);
    }
  }
  return length;
}

function checkNonpad({ nonpad_kv_seqlen: nonpad }: NamedInputs, batch: number, keyLength: number): void {
  if (!nonpad) return;
  if (nonpad.shape.length !== 1 || nonpad.shape[0] !== batch) {
    throw wrongValue("ERR_SHAPE", `nonpad_kv_seqlen.shape must be [${batch}]: got ${show(nonpad.shape)}`);
  }
  integersOf("nonpad_kv_seqlen", nonpad).forEach((length, b) => {
    if (length < 0 || length > keyLength) {
      throw wrongValue(
        "ERR_VALUE",
        `nonpad_kv_seqlen[${b}] must lie in 0 to ${keyLength}, the keys there are: got ${length}`,
      );
    }
  });
}

/** Broadcast to [B, H, Sq, Sk] from the right; the last axis may be shorter. */
function checkMask(mask: AnyTensor | undefined, scores: readonly number[]): void {
  if (!mask) return;
  const dtype = dtypeOf("attn_mask", mask);
  if (dtype !== "bool" && dtype !== "float32" && dtype !== "float16" && dtype !== "bfloat16") {
    throw wrongKind("ERR_DTYPE", `attn_mask must be bool, float32, float16 or bfloat16: got ${dtype}`);
  }
  const { shape } = mask;
  const missing = scores.length - shape.length;
  const fits = (size: number, axis: number) =>
    axis === shape.length - 1 ? size <= scores[3]! : size === 1 || size === scores[axis + missing];
  if (shape.length < 1 || missing < 0 || !shape.every(fits)) {
    throw wrongValue(
      "ERR_SHAPE",
      `attn_mask.shape must broadcast to ${show(scores)}, its last axis at most ${scores[3]}: got ${show(shape)}`,
    );
  }
}
