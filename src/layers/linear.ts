// Linear layer: the product of the attention scores, x W^T with a bias per column, on the same micro-kernels.
import { attentionParameters, STAGE_MASKED } from "../engine/abi.generated.js";
import type { Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";
import { contiguousRows, exactShape, headSize, type Operand, operand, Result } from "../operand.js";
import { flattenAxes } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { AnyTensor } from "../attention/options.js";
import { composite } from "../composite.js";

/** Checks shapes: x [..., In], weight [Out, In], bias [Out]. */
export function checkLinear(x: Operand, weight: Operand, bias?: Operand): void {
  if (x.shape.length < 1) throw wrongValue("ERR_SHAPE", `${x.name}.shape must have at least 1 axis: got []`);
  headSize(`${x.name}.shape[${x.shape.length - 1}]`, x.shape.at(-1)!);
  exactShape(weight, [null, x.shape.at(-1)!]);
  if (bias) exactShape(bias, [weight.shape[0]!]);
  for (const argument of [x, weight, ...(bias ? [bias] : [])]) contiguousRows(argument);
  flattenAxes(x.name, x.shape.slice(0, -1), x.strides.slice(0, -1));
}

/** As torch.nn.functional.linear: x [..., In], weight [Out, In], bias [Out] -> [..., Out]. */
export function linear<T extends AnyTensor>(core: Core, x: T, weight: T, bias?: T): T {
  const inputs = [operand(core, "x", x), operand(core, "weight", weight)];
  if (bias !== undefined) inputs.push(operand(core, "bias", bias));
  checkLinear(inputs[0]!, inputs[1]!, inputs[2]);
  return composite(core, inputs, ["output"], ([x, weight, bias]) => ({
    output: project(core, x!, weight!, bias),
  })).output as T;
}

/** A new tensor x W^T + bias; all float32 and checked. */
export function project(core: Core, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [rows, stride] = flattenAxes("x", x.shape.slice(0, -1), x.strides.slice(0, -1));
  const [out, dim] = weight.shape as [number, number];
  return core.call((scope) => {
    const result = new Result(scope, true, [...x.shape.slice(0, -1), out], "float32");
    const parameters = scope.block(attentionParameters, {
      batch: 1,
      keyHeads: 1,
      groups: 1,
      queryLength: rows,
      keyLength: out,
      headDim: dim,
      valueDim: 1,
      query: x.address,
      queryRow: stride * 4,
      key: weight.address,
      keyRow: weight.strides[0]! * 4,
      scale: 1,
      left: -1,
      right: -1,
      items: scope.copyIn(Int32Array.of(0, out, rows)),
      bias: bias?.address ?? 0,
      biasKey: 4,
      stage: STAGE_MASKED,
      weights: result.address,
      rowCount: rows,
      headCount: 1,
    });
    core.compute(scope, parameters, core.job(scope, "weights", parameters, rows * out * dim));
    return result.take() as Tensor;
  });
}
