// Statistics of a random call against the oracle's matrix of weights.
import * as assert from "uvu/assert";
import type { HostTensor, Statistic } from "../../src/index.js";
import { type IntervalOptions, type Result, statistics } from "../../src/reference/index.js";

/** What a call that asked for everything gives. */
export interface AllStatistics {
  readonly entropy: HostTensor<Float32Array>;
  readonly distance: HostTensor<Float32Array>;
  readonly mass: HostTensor<Float32Array>;
  readonly topK: { readonly keys: HostTensor<Int32Array>; readonly weights: HostTensor<Float32Array> };
  readonly windowShare: HostTensor<Float32Array>;
}

export function everyStatistic(topK: number, windowShare: readonly [number, number]): Statistic[] {
  return ["entropy", { topK }, "mass", { windowShare }, "distance"];
}

/** Below this float32 may hold 0 where the oracle does not. */
const TINY = 1e-30;

/**
 * @param weights [B, H, Sq, Sk] of the oracle
 * @param relative how far a weight may be off
 */
export function checkStatistics(
  got: AllStatistics,
  weights: Result,
  options: IntervalOptions,
  window: readonly [number, number],
  relative: number,
  where: string,
): void {
  const [B, H, Sq, Sk] = weights.shape as [number, number, number, number];
  const want = statistics(weights, options, window);
  const near = (name: "entropy" | "distance" | "windowShare" | "mass", allowed: (x: number) => number) => {
    const data = got[name].data as Float32Array;
    assert.is(data.length, want[name].length, `${name}: ${where}`);
    for (const [i, x] of want[name].entries()) {
      if (name !== "mass" && want.sums[i]! < TINY) {
        assert.ok(data[i] === 0 || want.sums[i]! > 0, `${name}[${i}] of an empty row is ${data[i]}: ${where}`);
        continue;
      }
      const error = Math.abs(data[i]! - x);
      assert.ok(error <= allowed(x), `${name}[${i}] is ${data[i]}, expected ${x} within ${allowed(x)}: ${where}`);
    }
  };
  const rounding = relative + 2 ** -20;
  near("entropy", (x) => rounding * (x + 2));
  near("distance", (x) => 2 * rounding * x + 1e-9);
  near("windowShare", () => 2 * rounding);
  near("mass", (x) => rounding * x + 1e-12);

  const { keys, weights: top } = got.topK;
  const k = keys.shape.at(-1)!;
  assert.equal(keys.shape, top.shape, where);
  assert.is(keys.dtype, "int32");
  for (let row = 0; row < B * H * Sq; row++) {
    const full = weights.data.subarray(row * Sk, (row + 1) * Sk);
    const sorted = Float64Array.from(full).sort().reverse();
    const seen = new Set<number>();
    for (let n = 0; n < k; n++) {
      const [key, weight] = [keys.data[row * k + n] as number, top.data[row * k + n] as number];
      const at = `topK[${row}, ${n}] is key ${key} of weight ${weight}: ${where}`;
      if (key === -1) {
        assert.is(weight, 0, at);
        assert.ok(n >= Sk || sorted[n]! < TINY, at);
        continue;
      }
      assert.ok(key >= 0 && key < Sk && !seen.has(key), at);
      seen.add(key);
      assert.ok(Math.abs(weight - full[key]!) <= rounding * full[key]! + 1e-12, at);
      assert.ok(Math.abs(weight - sorted[n]!) <= 2 * rounding * sorted[n]! + 1e-12, at);
      assert.ok(n === 0 || weight <= (top.data[row * k + n - 1] as number), at);
    }
  }
}
