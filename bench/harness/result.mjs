// What a workload's measurements become in the JSON: of each engine the times of each mode, or why there are none.
import { rowsToCheck } from "./reference.mjs";
import { summary } from "./statistics.mjs";

/**
 * @param entries [{ engine, ready: mode -> what `warmUp` gives, problem?, offered? }]
 * @param measured { limits: [{ multiplyAdd, read }], plan: [{ entry, mode, times }] }
 */
export function resultOf(workload, entries, { limits, plan }) {
  const { id, title, flops, bytes, decode = false, cache, tolerance } = workload;
  return {
    id,
    title,
    flops,
    bytes,
    decode,
    ...(cache && { cache }),
    tolerance,
    checkedRows: rowsToCheck(workload).length,
    rows: workload.heads * workload.queries,
    limits: {
      multiplyAdd: summary(limits.map(({ multiplyAdd }) => multiplyAdd)),
      read: summary(limits.map(({ read }) => read)),
    },
    engines: entries.map(({ engine, ready, problem, offered }) => {
      const { name, title, family, threads } = engine;
      if (problem) return { name, title, family, threads, problem, offered };
      const modes = {};
      for (const part of plan.filter(({ entry }) => entry.engine === engine)) {
        const { error, memory } = ready[part.mode];
        modes[part.mode] = { ...summary(part.times), error, ...(memory && { memory }) };
      }
      if (engine.arraysInPlace) modes.resident = modes.host;
      return { name, title, family, threads, modes };
    }),
  };
}
