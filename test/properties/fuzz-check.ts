// One random call on one engine: against the oracle, and with resident tensors against host arrays.
import * as assert from "uvu/assert";
import type { AnyTensor, AttentionOptions, Engine, HostTensor, Tensor } from "../../src/index.js";
import type { ReferenceResult, Result } from "../../src/reference/index.js";
import { halfUlp, numbersOf } from "../conformance/tolerance.js";
import { assertSameBits, swapHeads } from "./arrays.js";
import { type AllStatistics, checkStatistics } from "./check-statistics.js";
import { boundsOf } from "./error-bounds.js";
import type { FuzzCase } from "./fuzz-case.js";

type Outputs<T extends AnyTensor> = { output: T; lse: T; weights?: T; statistics?: unknown };

export function checkFuzzCase(engine: Engine, test: FuzzCase, want: ReferenceResult, build: string): void {
  const where = `${build}, ${test.description}`;
  const used = engine.info.memory.used;
  const got = engine.attention(test.query, test.key, test.value, test.options) as Outputs<HostTensor>;
  const bounds = boundsOf(test);

  assert.is(got.output.dtype, test.dtype, where);
  const output = inHeadsOrder(got.output, test);
  compare(output, want.output.data, (x) => bounds.output + halfUlp(x, test.dtype), `output: ${where}`);
  compare(got.lse, want.lse.data, (x) => bounds.score + 2 ** -22 * Math.abs(x), `lse: ${where}`);
  if (got.weights) {
    const chosen = chosenWeights(want.weights, test);
    compare(got.weights, chosen, (x) => bounds.weight * x + 1e-12, `weights: ${where}`);
  }

  if (test.window) {
    const all = got.statistics as AllStatistics;
    checkStatistics(all, want.weights, test.reference, test.window, bounds.weight, `statistics: ${where}`);
  }

  const resident = onEngine(engine, test);
  assert.equal(resident.statistics, got.statistics, `resident statistics: ${where}`);
  for (const name of ["output", "lse", "weights"] as const) {
    if (got[name]) assertSameBits(resident[name]!, got[name], `resident ${name}: ${where}`);
  }
  assert.is(engine.info.memory.used, used, `memory in use: ${where}`);
}

/** [B, H, S, D] whatever the rank and layout. */
function inHeadsOrder(output: HostTensor, { layout, B, H, Sq, Dv }: FuzzCase): HostTensor {
  if (layout === "BHSD" || output.shape.length === 2) return output;
  return swapHeads({ ...output, shape: [B, Sq, H, Dv] });
}

function compare(got: HostTensor, want: ArrayLike<number>, allowed: (x: number) => number, where: string): void {
  const numbers = numbersOf(got);
  assert.is(numbers.length, want.length, where);
  for (let i = 0; i < want.length; i++) {
    const [x, y] = [numbers[i]!, want[i]!];
    if (x === y) continue;
    const error = Math.abs(x - y);
    // Infinities are equal or wrong
    if (!(Number.isFinite(y) && error <= allowed(y)))
      assert.unreachable(`[${i}] is ${x}, expected ${y} within ${allowed(y)}: ${where}`);
  }
}

/** The rows and heads that were asked for. */
function chosenWeights(weights: Result, { selection, B, H, Sq, Sk }: FuzzCase): Float64Array {
  const { rows, heads } = selection === true || selection === undefined ? {} : selection;
  const all = (n: number) => Array.from({ length: n }, (_, i) => i);
  const chosen = [];
  for (let b = 0; b < B; b++) {
    for (const h of heads ?? all(H)) {
      for (const i of rows ?? all(Sq)) {
        const row = (b * H + h) * Sq + i;
        chosen.push(weights.data.subarray(row * Sk, (row + 1) * Sk));
      }
    }
  }
  const joined = new Float64Array(chosen.length * Sk);
  for (const [i, row] of chosen.entries()) joined.set(row, i * Sk);
  return joined;
}

/** The same call with everything resident, copied back. */
function onEngine(engine: Engine, test: FuzzCase): Outputs<HostTensor> {
  const tensors: Tensor[] = [];
  const place = (host: HostTensor): Tensor => {
    const tensor = engine.tensor(host);
    tensors.push(tensor);
    return tensor;
  };
  const { mask, bias, sinks, alibiSlopes } = test.options as Record<string, HostTensor | undefined>;
  const options: AttentionOptions = {
    ...test.options,
    ...(mask && { mask: place(mask) }),
    ...(bias && { bias: place(bias) }),
    ...(sinks && { sinks: place(sinks) }),
    ...(alibiSlopes && { alibiSlopes: place(alibiSlopes) }),
  };
  const got = engine.attention(place(test.query), place(test.key), place(test.value), options) as Outputs<Tensor>;
  const toHost = (found: object): unknown => {
    if ("toHost" in found) {
      tensors.push(found as Tensor);
      return (found as Tensor).toHost();
    }
    return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, toHost(value)]));
  };
  const hosts = toHost(got);
  for (const tensor of tensors) tensor.dispose();
  return hosts as Outputs<HostTensor>;
}
