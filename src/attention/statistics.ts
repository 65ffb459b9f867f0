// The option `statistics`: what the weights say, in memory for rows and keys, never for pairs of them.
import { STAGE_STATISTICS } from "../engine/abi.generated.js";
import type { CallScope } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { choice, integer, knownOptions } from "../checks.js";
import { Result } from "../operand.js";
import type { AttentionFields } from "./biases.js";
import type { AnyTensor } from "./options.js";

const NAMES = ["entropy", "distance", "mass", "topK", "windowShare"] as const;

/** Farthest that a window reaches: as far as any diagonal may lie. */
const OPEN = 2 ** 30;

/** Which statistics are wanted, and their parameters. */
export interface CheckedStatistics {
  readonly names: ReadonlySet<string>;
  readonly topK: number;
  readonly windowLeft: number;
  readonly windowRight: number;
}

export function checkStatistics(value: unknown): CheckedStatistics | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw wrongKind("ERR_ARGUMENT_TYPE", `statistics must be an array: got ${show(value)}`);
  const names = new Set<string>();
  let topK = 8;
  let window: unknown;
  value.forEach((entry, i) => {
    const label = `statistics[${i}]`;
    const nested = typeof entry === "object" && entry !== null;
    if (nested) knownOptions(entry, ["topK", "windowShare"]);
    const name = choice(label, nested ? Object.keys(entry)[0] : entry, NAMES);
    if (nested && name === "topK") topK = integer(`${label}.topK`, entry.topK, 1);
    if (name === "windowShare") {
      window = entry.windowShare;
      if (!Array.isArray(window) || window.length !== 2) {
        throw wrongKind("ERR_ARGUMENT_TYPE", `${label} must be { windowShare: [left, right] }: got ${show(window)}`);
      }
    }
    if (names.has(name)) throw wrongValue("ERR_VALUE", `statistics must name ${name} once`);
    names.add(name);
  });
  const side = (at: number) => {
    const reach = integer(`windowShare[${at}]`, window ? (window as number[])[at] : 0, -1, OPEN);
    return reach < 0 ? OPEN : reach;
  };
  return { names, topK, windowLeft: side(0), windowRight: side(1) };
}

/**
 * Makes room for the results.
 * @param rows shape of what there is one of per row: [..., H, Sq]
 * @returns the fields for the kernel, and what takes the results out
 */
export function placeStatistics(
  scope: CallScope,
  { names, ...parameters }: CheckedStatistics,
  resident: boolean,
  rows: readonly number[],
  keyLength: number,
): { fields: AttentionFields; take: () => Record<string, unknown> } {
  const fields: AttentionFields = { stage: STAGE_STATISTICS, ...parameters };
  const taken: [string, () => unknown][] = [];
  const result = (field: keyof AttentionFields, shape: readonly number[], dtype: "float32" | "int32" = "float32") => {
    const made = new Result(scope, resident, shape, dtype);
    fields[field] = made.address;
    return (): AnyTensor => made.take();
  };
  for (const name of names) {
    if (name === "topK") {
      const shape = [...rows, parameters.topK];
      const keys = result("topKeys", shape, "int32");
      const weights = result("topWeights", shape);
      taken.push([name, () => ({ keys: keys(), weights: weights() })]);
    } else {
      taken.push([name, result(name as "mass", name === "mass" ? rows.with(-1, keyLength) : rows)]);
    }
  }
  return { fields, take: () => Object.fromEntries(taken.map(([name, take]) => [name, take()])) };
}
