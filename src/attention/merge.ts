// Exact merge of attention over disjoint sets of keys, by their log-sum-exps.
import { EXP_CONSTANTS, mergeParameters } from "../engine/abi.generated.js";
import type { Core } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { choice, knownOptions } from "../checks.js";
import { exactShape, floatCode, operand, place, Result, sameDType, sameSide } from "../operand.js";
import { contiguousStrides, elements, isContiguous, showShape } from "../shape.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
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
  const layout = choice("layout", options.layout === undefined ? "BHSD" : options.layout, ["BHSD", "BSHD"]);
  if (!Array.isArray(parts)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `parts must be an array of { output, lse }: got ${show(parts)}`);
  }
  if (parts.length === 0) throw wrongValue("ERR_VALUE", "parts must have at least one part: got none");
  const list = Array.from(parts);
  const outputs = list.map((part, i) => operand(core, `parts[${i}].output`, part?.output));
  const lses = list.map((part, i) => operand(core, `parts[${i}].lse`, part?.lse));
  const resident = sameSide([...outputs, ...lses]);
  const [first] = outputs as [(typeof outputs)[0]];
  const dtype = floatCode(first);
  sameDType(first, ...outputs);
  const { shape } = first;
  const rank = shape.length;
  if (rank < 2) throw wrongValue("ERR_SHAPE", `${first.name}.shape must have at least 2 axes: got ${showShape(shape)}`);
  const swapped = layout === "BSHD" && rank > 2;
  const lead = shape.slice(0, Math.max(0, rank - 3));
  const [a, b] = shape.slice(-3, -1);
  const [heads, length] = rank === 2 ? [1, shape[0]!] : swapped ? [b!, a!] : [a!, b!];
  const lseShape = rank === 2 ? [length] : [...lead, heads, length];
  for (const output of outputs) exactShape(output, shape);
  for (const lse of lses) {
    exactShape(lse, lseShape);
    if (lse.dtype !== "float32") throw wrongKind("ERR_DTYPE", `${lse.name} must be float32: got ${lse.dtype}`);
  }
  for (const part of [...outputs, ...lses]) {
    if (!isContiguous(part.shape, part.strides)) {
      throw wrongValue("ERR_SHAPE", `${part.name} must be contiguous: call contiguous() first`);
    }
  }

  return core.call((scope) => {
    const output = new Result(scope, resident, shape, first.dtype);
    const lse = new Result(scope, resident, lseShape, "float32");
    const strides = contiguousStrides(shape).map((stride) => stride * ELEMENT_BYTES[first.dtype]);
    const valueDim = shape[rank - 1]!;
    const parameters = scope.block(mergeParameters, {
      outputs: scope.copyIn(Uint32Array.from(outputs, (part) => place(scope, part))),
      lses: scope.copyIn(Uint32Array.from(lses, (part) => place(scope, part))),
      parts: parts.length,
      heads: heads,
      length: length,
      valueDim,
      dtype,
      outputBatch: heads * length * valueDim * ELEMENT_BYTES[first.dtype],
      outputHead: rank === 2 ? 0 : strides[swapped ? rank - 2 : rank - 3]!,
      outputRow: strides[swapped ? rank - 3 : rank - 2]!,
      output: output.address,
      lse: lse.address,
      scratch: scope.allocate(EXP_CONSTANTS + (valueDim + 3) * 8),
    });
    core.kernels.mergeAttention(parameters, 0, elements(lseShape));
    return { output: output.take(first) as T, lse: lse.take() as T };
  });
}
