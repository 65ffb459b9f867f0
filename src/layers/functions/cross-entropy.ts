// Cross-entropy of logits and classes: torch.nn.functional.cross_entropy, forward.
import type { AnyTensor } from "../../attention/options.js";
import { choice, finite, integer, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { wrongKind, wrongValue } from "../../errors.js";
import { exactShape, floatCode, hostData, operand } from "../../operand.js";
import { showShape } from "../../shape.js";
import { upload } from "../../tensor.js";
import { coreOf } from "../load.js";
import { softmaxAlong } from "../rows.js";

export interface CrossEntropyOptions {
  /** Rows of this class count for nothing; default -100. */
  readonly ignoreIndex?: number;
  /** The mean over rows that count (default), their sum, or each row's. */
  readonly reduction?: "mean" | "sum" | "none";
  /** What part of the target is spread over all classes; default 0. */
  readonly labelSmoothing?: number;
}

/**
 * -log softmax(logits)[target]
 * @param logits [rows, classes]
 * @param target int32 or int64 [rows]
 * @returns float32 [] or, with `reduction: 'none'`, [rows]
 */
export function crossEntropy<T extends AnyTensor>(
  engine: Engine,
  logits: T,
  target: AnyTensor,
  options: CrossEntropyOptions = {},
): T {
  const core = coreOf(engine);
  knownOptions(options, ["ignoreIndex", "reduction", "labelSmoothing"]);
  const ignored = integer("ignoreIndex", options.ignoreIndex ?? -100, -(2 ** 31));
  const reduction = choice("reduction", options.reduction ?? "mean", ["mean", "sum", "none"]);
  const smoothing = finite("labelSmoothing", options.labelSmoothing ?? 0);
  if (smoothing < 0 || smoothing > 1) {
    throw wrongValue("ERR_VALUE", `labelSmoothing must lie from 0 to 1: got ${smoothing}`);
  }
  const input = operand(core, "logits", logits);
  floatCode(input);
  if (input.shape.length !== 2) {
    throw wrongValue("ERR_SHAPE", `logits.shape must be [rows, classes]: got ${showShape(input.shape)}`);
  }
  const [rows, classes] = input.shape as [number, number];
  const wanted = operand(core, "target", target);
  if (wanted.dtype !== "int32" && wanted.dtype !== "int64") {
    throw wrongKind("ERR_DTYPE", `target must be int32 or int64: got ${wanted.dtype}`);
  }
  exactShape(wanted, [rows]);
  const labels = Array.from(hostData(wanted) as ArrayLike<number | bigint>, Number);
  const wrong = labels.findIndex((label) => label !== ignored && (label < 0 || label >= classes));
  if (wrong >= 0) {
    throw wrongValue("ERR_VALUE", `target must lie from 0 to ${classes - 1}: element ${wrong} is ${labels[wrong]}`);
  }
  return composite(core, [input], [], ([x], keep) => {
    // A number per row: the rest is cheap in float64 on this side
    const logs = keep(softmaxAlong(core, x!, 1, true)).toHost().data as Float32Array;
    const losses = labels.map((label, row) => {
      if (label === ignored) return 0;
      let all = 0;
      for (let c = 0; c < classes; c++) all -= logs[row * classes + c]!;
      return -(1 - smoothing) * logs[row * classes + label]! + (smoothing * all) / classes;
    });
    if (reduction === "none") {
      return { loss: keep(upload(core, { data: Float32Array.from(losses), shape: [rows] })) };
    }
    const sum = losses.reduce((total, loss) => total + loss, 0);
    const count = reduction === "mean" ? labels.filter((label) => label !== ignored).length : 1;
    return { loss: keep(upload(core, { data: Float32Array.of(sum / count), shape: [] })) };
  }).loss as T;
}
