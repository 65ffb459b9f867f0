// Exact merge of attention over disjoint sets of keys, by their log-sum-exps.
import { EXP_CONSTANTS, mergeParameters } from "../engine/abi.generated.js";
import type { Core } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { knownOptions } from "../checks.js";
import { contiguous, exactShape, floatCode, operand, place, Result, sameDType, sameSide } from "../operand.js";
import { elements } from "../shape.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
import { checkLayout, packedStrides, readAxes } from "./heads.js";
import type { AnyTensor } from "./options.js";

/** `output` and `lse` of one call of `engine.attention` with `returnLse: true`. */
export interface AttentionPart<T extends AnyTensor> {
  readonly output: T;
  readonly lse: T;
}

export interface MergeOptions {
  /** Order of the outputs' axes; default BHSD. lse is always [B, H, Sq]. */
  readonly layout?: "BHSD" | "BSHD";
}

export function mergeAttention<T extends AnyTensor>(
  core: Core,
  parts: readonly AttentionPart<T>[],
  options: MergeOptions,
): AttentionPart<T> {
  core.open();
  knownOptions(options, ["layout"]);
  const layout = checkLayout(options.layout);
  if (!Array.isArray(parts)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `parts must be an array of { output, lse }: got ${show(parts)}`);
  }
  if (parts.length === 0) throw wrongValue("ERR_VALUE", "parts must have at least one part: got none");
  const list = Array.from(parts);
  const outputs = list.map((part, i) => operand(core, `parts[${i}].output`, part?.output));
  const lses = list.map((part, i) => operand(core, `parts[${i}].lse`, part?.lse));
  const resident = sameSide([...outputs, ...lses]);
  const [first] = outputs as [(typeof outputs)[0]];
  const axes = readAxes(first, layout);
  const { heads, length, dim: valueDim } = axes;
  sameDType(first, ...outputs);
  const { shape } = first;
  const lseShape = shape.length === 2 ? [length] : [...shape.slice(0, -3), heads, length];
  for (const output of outputs) exactShape(output, shape);
  for (const lse of lses) {
    exactShape(lse, lseShape);
    if (lse.dtype !== "float32") throw wrongKind("ERR_DTYPE", `${lse.name} must be float32: got ${lse.dtype}`);
  }
  for (const part of [...outputs, ...lses]) contiguous(part);

  return core.call((scope) => {
    const output = new Result(scope, resident, shape, first.dtype);
    const lse = new Result(scope, resident, lseShape, "float32");
    const packed = packedStrides(axes, valueDim, layout, ELEMENT_BYTES[first.dtype]);
    const parameters = scope.block(mergeParameters, {
      outputs: scope.copyIn(Uint32Array.from(outputs, (part) => place(scope, part))),
      lses: scope.copyIn(Uint32Array.from(lses, (part) => place(scope, part))),
      parts: parts.length,
      heads,
      length,
      valueDim,
      dtype: floatCode(first),
      outputBatch: packed.batch,
      outputHead: packed.head,
      outputRow: packed.row,
      output: output.address,
      lse: lse.address,
      scratch: scope.allocate(EXP_CONSTANTS + (valueDim + 3) * 8),
    });
    core.kernels.mergeAttention(parameters, 0, elements(lseShape));
    return { output: output.take(first) as T, lse: lse.take() as T };
  });
}
