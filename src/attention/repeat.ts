// A call like the last one, as in every layer and step of a model: where only the tensors differ, its parameter block is
// taken as it was, with other addresses. Small calls would spend most of their time on checks and plans.
import { attentionParameters } from "../engine/abi.generated.js";
import type { Core, Job } from "../engine/core.js";
import { aligned } from "../engine/memory.js";
import { ELEMENT_BYTES, type HostTensor } from "../host-tensor.js";
import { type Operand, operand, place, Result } from "../operand.js";
import { elements } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { AttentionPlan } from "./plan.js";

interface Call {
  readonly settings: readonly unknown[];
  readonly resident: boolean;
  readonly operands: readonly Pick<Operand, "shape" | "strides" | "dtype">[];
  /** The parameter block, and BatchItem [B] after it. */
  readonly words: Uint32Array;
  /** Everything but the result that a call allocates for its own length. */
  readonly bytes: number;
  readonly outputShape: readonly number[];
  readonly job: Job;
}

/** Options whose values are no objects, which could have changed inside; calls with any other are planned anew. */
const PLAIN = ["causal", "scale", "softcap", "similarity", "layout"];
const LAST = new WeakMap<Core, Call>();
const FIELDS = attentionParameters.integers;

/** The values of plain options; undefined where there are others. */
function settingsOf(options: object): unknown[] | undefined {
  for (const name of Object.keys(options)) if (!PLAIN.includes(name)) return undefined;
  const settings = PLAIN.map((name) => (options as Record<string, unknown>)[name]);
  return settings.some((setting) => Object(setting) === setting) ? undefined : settings;
}

function sameSettings(options: unknown, settings: readonly unknown[]): boolean {
  if (typeof options !== "object" || options === null || Array.isArray(options)) return false;
  for (const name in options) if (!PLAIN.includes(name)) return false;
  for (let i = 0; i < PLAIN.length; i++) {
    if ((options as Record<string, unknown>)[PLAIN[i]!] !== settings[i]) return false;
  }
  return true;
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sameKind(now: Operand, then: Pick<Operand, "shape" | "strides" | "dtype">, resident: boolean): boolean {
  return (
    (now.tensor !== undefined) === resident &&
    now.dtype === then.dtype &&
    sameNumbers(now.shape, then.shape) &&
    sameNumbers(now.strides, then.strides)
  );
}

/** Keeps a call for `repeat`; its block at `parameters` holds no addresses but those of tensors and batch items. */
export function remember(
  core: Core,
  [query, key, value]: readonly unknown[],
  options: object,
  plan: AttentionPlan,
  parameters: number,
  job: Job,
): void {
  const settings = settingsOf(options);
  if (!settings) return;
  // Nothing of the plan itself, which holds on to the tensors
  const kept = ({ shape, strides, dtype }: Operand) => ({ shape, strides, dtype });
  const operands = [operand(core, "query", query), operand(core, "key", key), operand(core, "value", value)].map(kept);
  const block = new Uint32Array(core.memory.memory.buffer, parameters, attentionParameters.words);
  const words = Uint32Array.from([...block, ...plan.diagonal.items]);
  const { resident, outputShape } = plan;
  const sizeOf = ({ shape, dtype }: Pick<Operand, "shape" | "dtype">) => elements(shape) * ELEMENT_BYTES[dtype];
  const copied = resident ? [] : operands.map(sizeOf);
  const sizes = [...copied, words.byteLength, job.partialBytes, job.scratchBytes];
  const bytes = sizes.reduce((sum, size) => sum + aligned(size), 0);
  LAST.set(core, { settings, resident, operands, words, bytes, outputShape, job });
}

/** The result of a call that differs from the last one in its tensors only; undefined for any other. */
export function repeat(
  core: Core,
  query: unknown,
  key: unknown,
  value: unknown,
  options: unknown,
): { output: HostTensor | Tensor } | undefined {
  const last = LAST.get(core);
  if (last === undefined || core.closed || !sameSettings(options, last.settings)) return undefined;
  const { resident, operands, outputShape, job } = last;
  const q = operand(core, "query", query);
  const k = operand(core, "key", key);
  const v = operand(core, "value", value);
  if (!sameKind(q, operands[0]!, resident)) return undefined;
  if (!sameKind(k, operands[1]!, resident) || !sameKind(v, operands[2]!, resident)) return undefined;
  return core.call((scope) => {
    const result = new Result(scope, resident, outputShape, q.dtype);
    scope.reserve(last.bytes);
    const addresses = [place(scope, q), place(scope, k), place(scope, v)] as const;
    const parameters = scope.allocate(last.words.byteLength);
    const at = parameters / 4;
    const { words } = core.memory;
    words.set(last.words, at);
    words[at + FIELDS.query] = addresses[0];
    words[at + FIELDS.key] = addresses[1];
    words[at + FIELDS.value] = addresses[2];
    words[at + FIELDS.output] = result.address;
    words[at + FIELDS.items] = parameters + attentionParameters.words * 4;
    core.compute(scope, parameters, job);
    return { output: result.take(q) };
  });
}
