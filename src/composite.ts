// Operations made of other operations: their inputs become resident float32 tensors, what they give goes back to the
// caller's side and dtype, and everything in between is freed, however the call ends.
import type { Core } from "./engine/core.js";
import { DTYPE_FLOAT32 } from "./engine/abi.generated.js";
import { floatCode, type Operand, Result, sameSide } from "./operand.js";
import { elements } from "./shape.js";
import { Tensor, upload } from "./tensor.js";
import type { AnyTensor } from "./attention/options.js";

/** Registers a temporary tensor, which is disposed of at the end. */
export type Keep = (tensor: Tensor) => Tensor;

/**
 * @param inputs checked operands, all on one side
 * @param run computes named results from float32 tensors
 * @param narrowed the results that take the dtype of the first input; others are float32
 * @param likes the operands that other results take theirs from
 */
export function composite<R extends Record<string, Tensor>>(
  core: Core,
  inputs: readonly Operand[],
  narrowed: readonly (keyof R)[],
  run: (tensors: Tensor[], keep: Keep) => R,
  likes: { readonly [K in keyof R]?: Operand | undefined } = {},
): { [K in keyof R]: AnyTensor } {
  const resident = sameSide(inputs);
  const temporaries: Tensor[] = [];
  const keep: Keep = (tensor) => {
    temporaries.push(tensor);
    return tensor;
  };
  const given = new Set<Tensor>();
  const give = (tensor: Tensor, like: Operand | undefined): AnyTensor => {
    const code = like ? floatCode(like) : DTYPE_FLOAT32;
    if (resident && code === DTYPE_FLOAT32) {
      given.add(tensor);
      return tensor;
    }
    return core.call((scope) => {
      const result = new Result(scope, resident, tensor.shape, like?.dtype ?? "float32");
      core.kernels.narrowRow(tensor.address, result.address, elements(tensor.shape), code);
      return result.take(like);
    });
  };
  try {
    const tensors = inputs.map((input) => toFloat32(core, input, keep));
    const results = run(tensors, keep);
    for (const name in results) keep(results[name]!);
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [
        name,
        give(tensor, narrowed.includes(name) ? inputs[0] : likes[name]),
      ]),
    ) as { [K in keyof R]: AnyTensor };
  } catch (error) {
    given.clear();
    throw error;
  } finally {
    for (const tensor of temporaries) if (!given.has(tensor)) tensor.dispose();
  }
}

/** A float32 tensor: the caller's own, strides and all, where it is one already. */
export function toFloat32(core: Core, input: Operand, keep: Keep): Tensor {
  const code = floatCode(input);
  const { tensor, host } = input;
  if (tensor && code === DTYPE_FLOAT32) return tensor;
  const source = tensor ? keep(tensor.contiguous()) : keep(upload(core, host!, input.name));
  if (code === DTYPE_FLOAT32) return source;
  const wide = keep(Tensor.allocate(core, input.shape, "float32"));
  core.kernels.widenRow(source.address, wide.address, elements(input.shape), code);
  return wide;
}
