// ONNX LayerNormalization (opset 17) and RMSNormalization (23): https://onnx.ai/onnx/operators/
//
// Both normalise over the axes from `axis` on, in float32 with sums in float64; Scale and B are broadcast to X.
import { composite, type Keep, toFloat32 } from "../composite.js";
import type { Core } from "../engine/core.js";
import type { AnyTensor, Engine, Tensor } from "../index.js";
import { BINARY_ADD, BINARY_MULTIPLY } from "../layers/abi.generated.js";
import { combined } from "../layers/elementwise.js";
import { coreOf } from "../layers/load.js";
import { normalized } from "../layers/rows.js";
import { blank, expanded } from "../layers/temporaries.js";
import { floatCode, type Operand, operand } from "../operand.js";
import { broadcastStrides, elements } from "../shape.js";
import { axisAttribute } from "./axis.js";
import { floatOperands } from "./float-inputs.js";
import { type Inputs, integerAttribute, isResident, knownAttributes, nameInputs, numberAttribute } from "./inputs.js";
import { narrow } from "./sixteen-bits.js";

type Integer = number | bigint;

export interface NormalizationAttributes {
  /** First axis that is normalised over, from -rank to rank - 1; default -1. */
  readonly axis?: Integer;
  /** Added to the mean square; default 1e-5. */
  readonly epsilon?: number;
  /** TensorProto type of Mean and InvStdDev: 1 float32 (default), 16 bfloat16. The arithmetic is float32. */
  readonly stash_type?: Integer;
}

const ATTRIBUTES = ["axis", "epsilon", "stash_type"];
const BFLOAT16 = 16;

/**
 * (X - Mean) InvStdDev Scale + B, InvStdDev = 1 / sqrt(variance + epsilon) (Ba, Kiros and Hinton 2016)
 * @param inputs X, Scale and B; the last may be absent
 * @returns [Y, Mean, InvStdDev]: Y as X; the others float32 or as stash_type says, the axes from `axis` on of size 1
 */
export function LayerNormalization<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: NormalizationAttributes = {},
): [Y: T, Mean: T, InvStdDev: T] {
  const named = nameInputs("LayerNormalization", inputs, ["X", "Scale", "B"], 2);
  const checked = checkAttributes("LayerNormalization", attributes, named.X!);
  const core = coreOf(engine);
  const { X, Scale, B } = floatOperands(core, named);
  for (const factor of [Scale, B]) if (factor) broadcasts(factor, X!);
  const { Y, Mean, InvStdDev } = composite(core, [X!], ["Y"], ([x], keep) => {
    const shape = x!.shape.map((n, axis) => (axis < checked.axis ? n : 1));
    const [mean, inverseDeviation] = [keep(blank(core, shape)), keep(blank(core, shape))];
    const factors = { Scale: toFloat32(core, Scale!, keep), B: B && toFloat32(core, B, keep) };
    const y = scaled(core, x!, { ...checked, rootMeanSquare: false, mean, inverseDeviation }, factors, keep);
    return { Y: y, Mean: mean, InvStdDev: inverseDeviation };
  });
  const stashed = (tensor: AnyTensor) => (checked.stash === BFLOAT16 ? asBfloat16(engine, tensor) : tensor) as T;
  return [Y as T, stashed(Mean), stashed(InvStdDev)];
}

/**
 * X / sqrt(mean of X^2 + epsilon) scale (Zhang and Sennrich 2019)
 * @param inputs X and scale, which may differ in dtype
 * @returns [Y], in the shape of X and on its side, in the dtype of scale
 */
export function RMSNormalization<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: NormalizationAttributes = {},
): [T] {
  const named = nameInputs("RMSNormalization", inputs, ["X", "scale"], 2);
  const checked = checkAttributes("RMSNormalization", attributes, named.X!);
  const core = coreOf(engine);
  const [X, scale] = [operand(core, "X", named.X), operand(core, "scale", named.scale)];
  for (const input of [X, scale]) floatCode(input);
  broadcasts(scale, X);
  const run = ([x]: Tensor[], keep: Keep) => ({
    Y: scaled(core, x!, { ...checked, rootMeanSquare: true }, { Scale: toFloat32(core, scale, keep) }, keep),
  });
  return [composite(core, [X], [], run, { Y: scale }).Y as T];
}

function checkAttributes(operator: string, attributes: NormalizationAttributes, X: AnyTensor) {
  knownAttributes(operator, attributes, ATTRIBUTES);
  const epsilon = numberAttribute("epsilon", attributes.epsilon) ?? 1e-5;
  const stash = integerAttribute(
    "stash_type",
    attributes.stash_type,
    1,
    (n) => n === 1 || n === BFLOAT16,
    "1 (float) or 16 (bfloat16)",
  );
  return { axis: axisAttribute(attributes.axis, -1, X.shape.length), epsilon, stash };
}

/** Throws unless the operand can be broadcast to X. */
function broadcasts({ name, shape, strides }: Operand, X: Operand): void {
  broadcastStrides(name, shape, strides, X.shape);
}

interface Statistics {
  readonly axis: number;
  readonly epsilon: number;
  readonly rootMeanSquare: boolean;
  readonly mean?: Tensor;
  readonly inverseDeviation?: Tensor;
}

/** A new tensor: x normalised, times Scale, plus B. */
function scaled(
  core: Core,
  x: Tensor,
  statistics: Statistics,
  { Scale, B }: { Scale: Tensor; B?: Tensor | undefined },
  keep: Keep,
): Tensor {
  const { axis } = statistics;
  const row = x.shape.slice(axis);
  const norm = { ...statistics, width: elements(row) };
  // What differs from row to row is applied afterwards
  const differs = (factor: Tensor | undefined) =>
    factor?.shape.slice(0, -row.length).some((n) => n !== 1) && factor.shape.length > row.length;
  if (!differs(Scale) && !differs(B)) {
    const weight = keep(expanded(core, Scale, row));
    return normalized(core, x, { ...norm, weight, bias: B && keep(expanded(core, B, row)) });
  }
  const bare = keep(normalized(core, x, norm));
  const product = combined(core, BINARY_MULTIPLY, bare, keep(expanded(core, Scale, x.shape)));
  return B ? combined(core, BINARY_ADD, keep(product), keep(expanded(core, B, x.shape))) : product;
}

/** A float32 result in bfloat16, in its place. */
function asBfloat16(engine: Engine, tensor: AnyTensor): AnyTensor {
  const { data, shape } = isResident(tensor) ? tensor.toHost() : tensor;
  const host = { data: narrow(data as Float32Array, "bfloat16"), shape, dtype: "bfloat16" } as const;
  if (!isResident(tensor)) return host;
  tensor.dispose();
  return engine.tensor(host);
}
