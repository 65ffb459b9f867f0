// Attention of one head over sequences [B, L, D] or [L, D], as layers before Transformers have it.
import { runAttention } from "../attention/attention.js";
import type { AnyTensor, AttentionOptions } from "../attention/options.js";
import { planAttention } from "../attention/plan.js";
import type { Keep } from "../composite.js";
import type { Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";
import { floatCode, type Operand, operand, sameDType } from "../operand.js";
import { showShape } from "../shape.js";
import { Tensor } from "../tensor.js";

/** What may be seen, and what is wanted back. */
export interface SingleHeadInputs extends Pick<AttentionOptions, "causal" | "window" | "keyLengths"> {
  /** bool, true = attend; broadcast to [B, Lq, Lk] */
  readonly mask?: AnyTensor;
  /** float, added to the scores; broadcast to [B, Lq, Lk] */
  readonly bias?: AnyTensor;
  /** Give `weights`; default false. */
  readonly returnWeights?: boolean;
}

export const SINGLE_HEAD_INPUTS = ["causal", "window", "keyLengths", "mask", "bias", "returnWeights"];

export interface SingleHeadResult<T extends AnyTensor> {
  /** The mean of the values by their weights: [B, Lq, Dv] or [Lq, Dv] */
  readonly context: T;
  /** float32 [B, Lq, Lk] or [Lq, Lk] */
  readonly weights?: T;
}

/** Checks [B, L, D] or [L, D], all of one rank, batch and dtype; keys and values of one length. */
export function checkSingleHead(operands: readonly Operand[], widths: readonly (number | null)[]): void {
  const [query, key] = operands as [Operand, Operand];
  for (const each of operands) floatCode(each);
  sameDType(query, ...operands.slice(1));
  for (const [i, { name, shape }] of operands.entries()) {
    const width = widths[i] ?? "D";
    const fits = shape.length === query.shape.length && (shape.length === 2 || shape.length === 3);
    if (!fits || (typeof width === "number" && shape.at(-1) !== width)) {
      throw wrongValue("ERR_SHAPE", `${name}.shape must be [B, L, ${width}] or [L, ${width}]: got ${showShape(shape)}`);
    }
    if (shape.length === 3 && shape[0] !== query.shape[0]) {
      throw wrongValue(
        "ERR_SHAPE",
        `${name}.shape[0] must equal query.shape[0]: expected ${query.shape[0]}, got ${shape[0]}`,
      );
    }
    if (i > 1 && shape.at(-2) !== key.shape.at(-2)) {
      const axis = shape.length - 2;
      throw wrongValue(
        "ERR_SHAPE",
        `${name}.shape[${axis}] must equal ${key.name}.shape[${axis}]: expected ${key.shape.at(-2)}, got ${shape.at(-2)}`,
      );
    }
  }
}

/**
 * softmax(score(q, k)) v with float32 tensors in memory; score is q . k, or v . tanh(q + k) where `additive` is that v.
 */
export function attendSingleHead(
  core: Core,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  inputs: SingleHeadInputs,
  keep: Keep,
  additive?: Tensor,
): { context: Tensor; weights?: Tensor } {
  const axis = query.shape.length - 2;
  const withHead = (x: Tensor) => keep(x.unsqueeze(axis));
  const { mask, bias, ...rest } = inputs;
  const plan = planAttention(
    core,
    withHead(query),
    withHead(key),
    withHead(value),
    {
      ...rest,
      scale: 1,
      ...(mask !== undefined && { mask: scoresWithHead(mask, keep) }),
      ...(bias !== undefined && { bias: scoresWithHead(bias, keep) }),
    },
    additive && operand(core, "v.weight", additive),
  );
  const { output, weights } = runAttention<Tensor>(core, plan);
  keep(output);
  return {
    context: keep(output.select(axis, 0)),
    ...(weights && { weights: keep(keep(weights).select(axis, 0)) }),
  };
}

/** [B, Lq, Lk] gets the axis of the one head. */
function scoresWithHead(x: AnyTensor, keep: Keep): AnyTensor {
  if (x.shape.length !== 3) return x;
  return x instanceof Tensor ? keep(x.unsqueeze(1)) : { ...x, shape: x.shape.toSpliced(1, 0, 1) };
}
