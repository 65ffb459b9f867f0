// engine.attention: plan, place, run the fused kernel, and recompute the weights that were asked for.
import {
  attentionParameters,
  STAGE_CAPPED,
  STAGE_MASKED,
  STAGE_SCALED,
  STAGE_WEIGHTS,
} from "../engine/abi.generated.js";
import type { CallScope, Core, Job } from "../engine/core.js";
import { writeBlock } from "../engine/kernels.js";
import { choice, knownOptions } from "../checks.js";
import { Result } from "../operand.js";
import type { AttentionFields } from "./biases.js";
import type { AnyTensor, AttentionOptions, AttentionResult, WeightSelection } from "./options.js";
import { remember, repeat } from "./repeat.js";
import { ATTENTION_OPTIONS, type AttentionPlan, type CheckedSelection, planAttention, checkSelection } from "./plan.js";
import { placeStatistics } from "./statistics.js";

export function attention<T extends AnyTensor>(core: Core, query: T, key: T, value: T, options: AttentionOptions) {
  return (repeat(core, query, key, value, options) as FullResult<T>) ?? first(core, query, key, value, options);
}

/** Not in one function with `repeat`, which would then make room for what the closure holds. */
function first<T extends AnyTensor>(core: Core, query: T, key: T, value: T, options: AttentionOptions) {
  return runAttention<T>(core, planAttention(core, query, key, value, options), (plan, parameters, job) =>
    remember(core, [query, key, value], options, plan, parameters, job),
  );
}

/** Everything the options may have asked for. */
export type FullResult<T extends AnyTensor> = AttentionResult<
  T,
  AttentionOptions & { returnLse: true; returnWeights: true }
>;

/** @param placed is told of the parameter block and the job before the kernel runs */
export function runAttention<T extends AnyTensor>(
  core: Core,
  plan: AttentionPlan,
  placed?: (plan: AttentionPlan, parameters: number, job: Job) => void,
): FullResult<T> {
  return core.call((scope) => {
    const { resident, query, selection, statistics } = plan;
    const output = new Result(scope, resident, plan.outputShape, query.dtype);
    const lse = plan.returnLse ? new Result(scope, resident, plan.lseShape, "float32") : undefined;
    const weights = selection ? new Result(scope, resident, selectedShape(plan, selection), "float32") : undefined;
    const fields = plan.place(scope);
    fields.output = output.address;
    fields.outputBatch = plan.outputStrides.batch;
    fields.outputHead = plan.outputStrides.head;
    fields.outputRow = plan.outputStrides.row;
    if (lse) fields.lse = lse.address;
    const counted = statistics && placeStatistics(scope, statistics, resident, plan.lseShape, plan.keyLength);
    if (weights || counted) placeSums(scope, plan, fields);

    const parameters = scope.block(attentionParameters, fields);
    const job = core.job(scope, "forward", parameters, plan.work);
    placed?.(plan, parameters, job);
    core.compute(scope, parameters, job);
    if (selection && weights) {
      writeStage(scope, parameters, { ...fields, stage: STAGE_WEIGHTS, weights: weights.address }, selection, plan);
    }
    if (counted) writeStage(scope, parameters, { ...fields, ...counted.fields }, {}, plan);
    return {
      output: output.take(query),
      ...(lse && { lse: lse.take() }),
      ...(weights && { weights: weights.take() }),
      ...(counted && { statistics: counted.take() }),
    } as FullResult<T>;
  });
}

const STAGES = { scaled: STAGE_SCALED, capped: STAGE_CAPPED, masked: STAGE_MASKED };

/** Options of `engine.attentionScores`: those of attention that shape scores, and how far the pipeline goes. */
export interface ScoreOptions
  extends Omit<AttentionOptions, "sinks" | "queryLengths" | "returnLse" | "returnWeights" | "statistics"> {
  /**
   * After the scale, after the softcap (both of all keys, padding too), or after bias and masks (-Infinity where a key is
   * hidden; the default).
   */
  readonly stage?: keyof typeof STAGES;
  /** Only these queries and heads. */
  readonly select?: WeightSelection;
}

const SCORE_OPTIONS = ATTENTION_OPTIONS.filter(
  (name) => !["sinks", "queryLengths", "returnLse", "returnWeights", "statistics"].includes(name),
);

/** The scores before the softmax, float32 [B, H, Sq, Sk]: a matrix of queries by keys, for those who need to see it. */
export function attentionScores<T extends AnyTensor>(core: Core, query: T, key: T, options: ScoreOptions): T {
  knownOptions(options, [...SCORE_OPTIONS, "stage", "select"]);
  const { select, stage = "masked", ...shaping } = options;
  const code = STAGES[choice("stage", stage, Object.keys(STAGES) as "masked"[])];
  // The key stands in for a value, which scores do not look at
  const plan = planAttention(core, query, key, key, shaping);
  return runScores(core, plan, checkSelection("select", select, plan) ?? {}, code) as T;
}

export function runScores(core: Core, plan: AttentionPlan, selection: CheckedSelection, stage: number): AnyTensor {
  return core.call((scope) => {
    const scores = new Result(scope, plan.resident, selectedShape(plan, selection), "float32");
    const fields = plan.place(scope);
    const parameters = scope.block(attentionParameters, fields);
    writeStage(scope, parameters, { ...fields, stage, weights: scores.address }, selection, plan);
    return scores.take();
  });
}

function selectedShape(plan: AttentionPlan, { heads, rows }: CheckedSelection): number[] {
  return plan.weightsShape(heads?.length ?? plan.heads, rows?.length ?? plan.queryLength);
}

/** Room for the maximum and sum of every row, from which weights are recomputed. */
function placeSums(scope: CallScope, plan: AttentionPlan, fields: AttentionFields): void {
  const bytes = plan.batch * plan.heads * plan.queryLength * 4;
  fields.rowMax = scope.allocate(bytes);
  fields.rowSum = scope.allocate(bytes);
}

function writeStage(
  scope: CallScope,
  parameters: number,
  fields: AttentionFields,
  selection: CheckedSelection,
  plan: AttentionPlan,
): void {
  const { core } = scope;
  writeBlock(core.memory, parameters, attentionParameters, {
    ...fields,
    rows: selection.rows ? scope.copyIn(selection.rows) : 0,
    rowCount: selection.rows?.length ?? plan.queryLength,
    heads: selection.heads ? scope.copyIn(selection.heads) : 0,
    headCount: selection.heads?.length ?? plan.heads,
  });
  core.compute(scope, parameters, core.job(scope, "weights", parameters, plan.work));
}
