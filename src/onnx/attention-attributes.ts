// The attributes of ONNX Attention, checked.
import { flagAttribute, integerAttribute, knownAttributes, numberAttribute } from "./inputs.js";

type Integer = number | bigint;

export interface AttentionAttributes {
  /** 1: query i sees keys up to i + offset. */
  readonly is_causal?: Integer;
  /** Needed where the inputs have 3 axes. */
  readonly q_num_heads?: Integer;
  readonly kv_num_heads?: Integer;
  /** Default 1 / sqrt(head size). */
  readonly scale?: number;
  /** score -> softcap * tanh(score / softcap); default 0: none. */
  readonly softcap?: number;
  /** What qk_matmul_output shows: 0 scaled scores, 1 after softcap, 2 after the mask, 3 after softmax. */
  readonly qk_matmul_output_mode?: Integer;
  /** A TensorProto type; accepted and not needed, for the softmax is always float32. */
  readonly softmax_precision?: Integer;
  /** Opset 25: keys seen left and right of i + offset; default -1: all. */
  readonly left_window_size?: Integer;
  readonly right_window_size?: Integer;
}

export interface CheckedAttributes {
  readonly causal: boolean;
  /** 0 where absent */
  readonly queryHeads: number;
  readonly keyHeads: number;
  readonly scale: number | undefined;
  /** 0: none */
  readonly softcap: number;
  readonly mode: number;
  readonly window: readonly [left: number, right: number];
}

const ATTRIBUTES: readonly (keyof AttentionAttributes)[] = [
  "is_causal",
  "q_num_heads",
  "kv_num_heads",
  "scale",
  "softcap",
  "qk_matmul_output_mode",
  "softmax_precision",
  "left_window_size",
  "right_window_size",
];

/** FLOAT, FLOAT16, DOUBLE, BFLOAT16 of onnx.TensorProto.DataType */
const PRECISIONS = [1, 10, 11, 16];

export function checkAttributes(attributes: AttentionAttributes): CheckedAttributes {
  knownAttributes("Attention", attributes, ATTRIBUTES);
  const positive = (name: "q_num_heads" | "kv_num_heads") =>
    integerAttribute(name, attributes[name], 0, (n) => n > 0, "an integer of at least 1");
  const window = (name: "left_window_size" | "right_window_size") =>
    integerAttribute(name, attributes[name], -1, (n) => n >= -1, "-1, or an integer of at least 0");
  integerAttribute(
    "softmax_precision",
    attributes.softmax_precision,
    1,
    (n) => PRECISIONS.includes(n),
    "1 (float), 10 (float16), 11 (double) or 16 (bfloat16)",
  );
  const softcap = numberAttribute("softcap", attributes.softcap) ?? 0;
  return {
    causal: flagAttribute("is_causal", attributes.is_causal),
    queryHeads: positive("q_num_heads"),
    keyHeads: positive("kv_num_heads"),
    scale: numberAttribute("scale", attributes.scale),
    softcap,
    mode: integerAttribute(
      "qk_matmul_output_mode",
      attributes.qk_matmul_output_mode,
      0,
      (n) => n >= 0 && n <= 3,
      "0, 1, 2 or 3",
    ),
    window: [window("left_window_size"), window("right_window_size")],
  };
}
