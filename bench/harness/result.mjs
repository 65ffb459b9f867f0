// What a workload's measurements become in the JSON: of each engine the times of each mode, or why there are none.
import { rowsToCheck } from "./reference.mjs";
import { summary } from "./statistics.mjs";

/**
 * @param entries [{ engine, ready: mode -> what `warmUp` gives, problem?, offered? }]
 * @param measured { limits: what limits.mjs measures in each round, plan: [{ entry, mode, times: ms by round, with holes }] }
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
    limits: mapped(limits[0], (name) => sampled(limits.map((each) => each[name]))),
    engines: entries.map(({ engine, ready, problem, offered }) => {
      const { name, title, family, threads, commit, kind } = engine;
      const told = { name, title, family, threads, ...(commit && { commit, kind }) };
      if (problem) return { ...told, problem, offered };
      const modes = {};
      for (const part of plan.filter(({ entry }) => entry.engine === engine)) {
        const { error, memory } = ready[part.mode];
        modes[part.mode] = { ...sampled(part.times), error, ...(memory && { memory }) };
      }
      if (engine.arraysInPlace) modes.resident = modes.host;
      return { ...told, modes };
    }),
  };
}

/** One result of runs of one round each, whose engines may stand in any order: a problem in one is the engine's. */
export function joined(runs) {
  return runs[0].map((first, i) => {
    const all = runs.map((workloads) => workloads[i]);
    const join = (pick) => sampled(all.flatMap((each) => pick(each).samples));
    return {
      ...first,
      limits: mapped(first.limits, (name) => join(({ limits }) => limits[name])),
      engines: first.engines.map((engine) => {
        const of = ({ engines }) => engines.find(({ name }) => name === engine.name);
        const { problem, offered } = all.map(of).find((each) => each.problem) ?? {};
        const { modes, ...told } = engine;
        if (problem) return { ...told, problem, offered };
        return {
          ...told,
          modes: mapped(modes, (mode) => ({ ...modes[mode], ...join((each) => of(each).modes[mode]) })),
        };
      }),
    };
  });
}

const mapped = (object, value) => Object.fromEntries(Object.keys(object).map((name) => [name, value(name)]));

/** The summary, and the sample of each round that had one, null for the others: what rounds are compared by. */
function sampled(samples) {
  const byRound = Array.from(samples, (sample) => sample ?? null);
  return { ...summary(byRound.filter((sample) => sample !== null)), samples: byRound };
}
