// Attention pooling: the layer that the PyTorch and TensorFlow modules of the seed document meant. Their scores are the
// row sums of x x^T, and sum_m x_n . x_m = x_n . sum_m x_m: so one query, the sum of all rows, does it in O(N D).
import type { Core } from "../engine/core.js";
import { DTYPE_FLOAT32, STAGE_SCALED } from "../engine/abi.generated.js";
import { wrongValue } from "../errors.js";
import { composite, type Keep } from "../composite.js";
import { contiguousRows, headSize, operand } from "../operand.js";
import { showShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { runAttention, runScores } from "./attention.js";
import type { AnyTensor } from "./options.js";
import { planAttention } from "./plan.js";

export interface PoolingResult<T extends AnyTensor> {
  /** sum_n weights_n x_n: [B, D], or [D] */
  readonly context: T;
  /** softmax of the scores: float32 [B, N], or [N] */
  readonly weights: T;
  /** x_n . sum_m x_m: float32 [B, N], or [N] */
  readonly scores: T;
}

/** x [B, N, D] or [N, D] */
export function attentionPooling<T extends AnyTensor>(core: Core, x: T): PoolingResult<T> {
  core.open();
  const input = operand(core, "x", x);
  const rank = input.shape.length;
  if (rank !== 2 && rank !== 3) {
    throw wrongValue("ERR_SHAPE", `x.shape must be [B, N, D] or [N, D]: got ${showShape(input.shape)}`);
  }
  contiguousRows(input);
  headSize(`x.shape[${rank - 1}]`, input.shape[rank - 1]!);
  return composite(core, [input], ["context"], ([rows], keep) => {
    // [B, 1, N, D]: each batch item is a sequence of one head
    const batched = rank === 3 ? rows! : keep(rows!.unsqueeze(0));
    const sequence = keep(batched.unsqueeze(1));
    const sum = sumRows(core, sequence, keep);
    const plan = planAttention(core, sum, sequence, sequence, { scale: 1, returnWeights: true });
    const { output, weights } = runAttention<Tensor>(core, plan);
    keep(output);
    keep(weights);
    const scores = runScores(core, plan, {}, STAGE_SCALED) as Tensor;
    // [B, 1, 1, n] -> [B, n] or [n]
    const squeeze = (result: Tensor) => {
      const flat = keep(keep(result).select(1, 0)).select(1, 0);
      return rank === 3 ? flat : keep(flat).select(0, 0);
    };
    return { context: squeeze(output), weights: squeeze(weights), scores: squeeze(scores) };
  }) as unknown as PoolingResult<T>;
}

/** x [B, 1, N, D] -> [B, 1, 1, D] */
function sumRows(core: Core, x: Tensor, keep: Keep): Tensor {
  const [batch, , length, dim] = x.shape as [number, number, number, number];
  const sums = keep(Tensor.allocate(core, [batch, 1, 1, dim], "float32"));
  core.call((scope) => {
    // f64 [D] and f32 [D]
    const scratch = scope.allocate(dim * 12);
    for (let b = 0; b < batch; b++) {
      const from = x.address + b * x.strides[0]! * 4;
      core.kernels.sumRows(from, length, x.strides[2]! * 4, dim, DTYPE_FLOAT32, sums.address + b * dim * 4, scratch);
    }
  });
  return sums;
}
