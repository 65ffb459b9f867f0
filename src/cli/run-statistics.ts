// --statistics of attention-wasm run: what the weights of each head say, as a table and as tensors, without the weights.
import type { FileTensor } from "../formats/file-tensor.js";
import type { HostTensor, Statistic } from "../index.js";

export const STATISTICS = ["entropy", "distance", "mass", { topK: 8 }] as const satisfies readonly Statistic[];

/** What engine.attention gives for them. */
export interface RunStatistics {
  readonly entropy: HostTensor<Float32Array>;
  readonly distance: HostTensor<Float32Array>;
  readonly mass: HostTensor<Float32Array>;
  readonly topK: { readonly keys: HostTensor<Int32Array>; readonly weights: HostTensor<Float32Array> };
}

/** By the names they have in a file. */
export function statisticTensors({ entropy, distance, mass, topK }: RunStatistics): Map<string, FileTensor> {
  const named = { entropy, distance, mass, top_keys: topK.keys, top_weights: topK.weights };
  return new Map(Object.entries(named).map(([name, tensor]) => [`statistics.${name}`, tensor as FileTensor]));
}

/** One line per head: means over the rows that see a key, and the keys that are looked at most. */
export function statisticsTable(statistics: RunStatistics, heads: number, queries: number): string {
  const { entropy, distance, mass, topK } = statistics;
  const batch = heads * queries === 0 ? 0 : entropy.data.length / (heads * queries);
  const keys = mass.shape.at(-1)!;
  const k = topK.keys.shape.at(-1)!;
  const lines = [["head", "entropy", "keys in effect", "distance", "looked at most"]];
  for (let h = 0; h < heads; h++) {
    let rows = 0;
    let [spread, far] = [0, 0];
    const looks = new Float64Array(keys);
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < queries; i++) {
        const row = (b * heads + h) * queries + i;
        if (topK.keys.data[row * k]! < 0) continue;
        rows++;
        spread += entropy.data[row]!;
        far += distance.data[row]!;
      }
      for (let j = 0; j < keys; j++) looks[j]! += mass.data[(b * heads + h) * keys + j]!;
    }
    const total = looks.reduce((sum, x) => sum + x, 0);
    const most = [...looks.keys()].sort((a, b) => looks[b]! - looks[a]! || a - b).filter((j) => looks[j]! > 0);
    const shares = most.slice(0, 4).map((j) => `${j} (${percent(looks[j]! / total)})`);
    const mean = rows > 0 ? spread / rows : 0;
    const numbers = rows > 0 ? [mean, Math.exp(mean), far / rows].map((x) => x.toPrecision(3)) : ["-", "-", "-"];
    lines.push([`${h}`, ...numbers, shares.join(", ") || "no key"]);
  }
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((text, column) => text.padEnd(widths[column]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(share < 0.1 ? 2 : 3)}%`;
}
