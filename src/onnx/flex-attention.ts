// ONNX FlexAttention, ai.onnx.preview 1: https://onnx.ai/onnx/operators/onnx_aionnxpreview_FlexAttention.html
//
// Y = prob_mod(softmax(score_mod(scale Q K^T))) V. Without graphs it is engine.attention. With a graph the scores, or the
// probabilities, become a matrix on the host, on which it is computed; all the rest stays with the kernels. float64 is plain
// JavaScript from end to end.
import type { AnyTensor, Engine, Tensor } from "../index.js";
import { matmul } from "../layers/functions/matmul.js";
import { coreOf } from "../layers/load.js";
import { floatCode, type Operand, operand, sameDType, sameSide } from "../operand.js";
import { elements } from "../shape.js";
import {
  exactAttention,
  type Float64Tensor,
  float64Of,
  float64Operand,
  isFloat64,
  likeV,
} from "./flex-attention-exact.js";
import { checkFlexShapes } from "./flex-attention-shapes.js";
import type { Numbers, OnnxGraph } from "./graph/model.js";
import { type Prepared, prepareGraph } from "./graph/prepare.js";
import {
  type Inputs,
  integerAttribute,
  isResident,
  knownAttributes,
  nameInputs,
  numberAttribute,
  Residents,
} from "./inputs.js";
import { narrow, type SixteenBits, widen } from "./sixteen-bits.js";

export interface FlexAttentionAttributes {
  /** Changes the scores [B, H, Sq, Sk], after the scale: one tensor in, one of its shape out. */
  readonly score_mod?: OnnxGraph;
  /** Changes the probabilities, after the softmax, in the same way. */
  readonly prob_mod?: OnnxGraph;
  /** Default 1 / sqrt(head size). */
  readonly scale?: number;
  /** TensorProto type of scores and probabilities: 11 (double) computes in float64; 1, 10 and 16 in float32, the default but for double inputs. */
  readonly softmax_precision?: number | bigint;
}

export type { Float64Tensor };

const INPUTS = ["Q", "K", "V"] as const;
const ATTRIBUTES = ["score_mod", "prob_mod", "scale", "softmax_precision"];
const DOUBLE = 11;

/**
 * @param inputs Q [B, H, Sq, D], K [B, Hk, Sk, D], V [B, Hk, Sk, Dv]; Hk divides H. Q and K of one dtype, V perhaps of
 *   another; host tensors may be float64
 * @returns [Y [B, H, Sq, Dv]], in the dtype of V and on its side. A query whose scores are all -Infinity gives zeros
 */
export function FlexAttention<T extends AnyTensor | Float64Tensor = AnyTensor>(
  engine: Engine,
  inputs: readonly (Inputs[number] | Float64Tensor)[],
  attributes: FlexAttentionAttributes = {},
): [T] {
  const named = nameInputs("FlexAttention", inputs as Inputs, INPUTS, 3);
  knownAttributes("FlexAttention", attributes, ATTRIBUTES);
  const core = coreOf(engine);
  const precision = integerAttribute(
    "softmax_precision",
    attributes.softmax_precision,
    0,
    (n) => [1, 10, DOUBLE, 16].includes(n),
    "1 (float), 10 (float16), 11 (double) or 16 (bfloat16)",
  );
  const given = INPUTS.map((name) => named[name]!);
  const [Q, K, V] = given.map((tensor, i): Operand => {
    if (isFloat64(tensor)) return float64Operand(INPUTS[i]!, tensor);
    const input = operand(core, INPUTS[i]!, tensor);
    floatCode(input);
    return input;
  }) as [Operand, Operand, Operand];
  sameDType(Q, K);
  sameSide([Q, K, V]);
  const sizes = checkFlexShapes([Q, K, V]);
  const scale = numberAttribute("scale", attributes.scale) ?? 1 / Math.sqrt(sizes.headSize);
  const double = precision === DOUBLE || (precision === 0 && isFloat64(given[0]!));
  const shape = [sizes.batch, sizes.heads, sizes.queries, sizes.keys];
  const prepared = (name: "score_mod" | "prob_mod") => {
    const graph = attributes[name];
    return graph === undefined ? undefined : prepareGraph(name, graph, double ? "float64" : "float32", shape);
  };
  const mods = { score: prepared("score_mod"), prob: prepared("prob_mod") };
  if (double || given.some(isFloat64)) {
    const [q, k, v] = given.map(float64Of) as [Float64Array, Float64Array, Float64Array];
    const Y = exactAttention([q, k, v], sizes, scale, mods, double);
    return [likeV(engine, Y, [...shape.slice(0, 3), sizes.valueSize], given[2]!) as T];
  }
  const residents = new Residents(engine);
  try {
    const [q, k, v] = given.map((tensor) => residents.place(tensor)) as [Tensor, Tensor, Tensor];
    const Y = run(engine, residents, [q, k, v], scale, mods, sizes.keyHeads);
    return [residents.release(Y, isResident(given[2]!), given[2]) as T];
  } finally {
    residents.end();
  }
}

/** Y, owned by `residents`. */
function run(
  engine: Engine,
  residents: Residents,
  [q, k, v]: [Tensor, Tensor, Tensor],
  scale: number,
  { score, prob }: { score: Prepared | undefined; prob: Prepared | undefined },
  keyHeads: number,
): Tensor {
  const attend = (query: Tensor, key: Tensor, options: object): { output: Tensor; weights?: Tensor } => {
    const result = engine.attention(query, key, v, { ...options, returnWeights: prob !== undefined });
    for (const tensor of Object.values(result)) if (tensor) residents.own(tensor as Tensor);
    return result as { output: Tensor; weights?: Tensor };
  };
  /** A matrix that a graph has changed on the host. */
  const changed = (matrix: Tensor, graph: Prepared): Tensor => {
    const { data, shape } = matrix.toHost();
    return residents.own(engine.tensor({ data: graph(data as Numbers) as Float32Array, shape }));
  };
  const modified = () => {
    if (!score && q.dtype === v.dtype) return attend(q, k, { scale });
    // Scores as a bias on those of empty queries, which are 0
    const scores = residents.own(engine.attentionScores(q, k, { scale, stage: "scaled" }));
    const empty = (x: Tensor) => {
      const shape = [...x.shape.slice(0, 3), 1];
      const n = elements(shape);
      const data = v.dtype === "float32" ? new Float32Array(n) : new Uint16Array(n);
      return residents.own(engine.tensor({ data, shape, dtype: v.dtype }));
    };
    return attend(empty(q), empty(k), { scale: 1, bias: score ? changed(scores, score) : scores });
  };
  const { output, weights } = modified();
  if (!prob) return output;
  const probabilities = changed(weights!, prob);
  // The heads of a group follow each other: one product for each key head
  const [B, H, Sq, Sk] = probabilities.shape as [number, number, number, number];
  const grouped = residents.own(probabilities.reshape([B, keyHeads, (H / keyHeads) * Sq, Sk]));
  const short = v.dtype === "float32" ? undefined : (v.dtype as SixteenBits);
  const wide = (x: Tensor) => ({ data: widen(x.toHost().data as Uint16Array, short!), shape: x.shape });
  const product = residents.own(matmul(engine, grouped, short ? residents.own(engine.tensor(wide(v))) : v));
  const Y = residents.own(product.reshape([B, H, Sq, v.shape[3]!]));
  if (!short) return Y;
  const data = narrow(Y.toHost().data as Float32Array, short);
  return residents.own(engine.tensor({ data, shape: Y.shape, dtype: short }));
}
