// Rounds: in each the machine's limits, then one sample of every engine and mode; the same code for child processes and
// inside a browser page.

/** How many of `rounds` an engine takes part in, if it may take `budget` ms in all; at least one. */
export function roundsWithin(rounds, budget, ms, repeats) {
  return Math.max(1, Math.min(rounds, Math.floor(budget / (ms * repeats))));
}

/** Whether an engine of `own` rounds takes part in round r of `rounds`: evenly spread. */
export function takesPart(r, own, rounds) {
  return Math.floor(((r + 1) * own) / rounds) > Math.floor((r * own) / rounds);
}

/** The order of round r: it begins with the next one, since what comes first after the read limit is 2 to 4 % slower. */
export function rotated(list, r) {
  const first = r % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

const able = (parts) => parts.length > 0 && !parts[0].entry.problem;

/**
 * @param entries [{ engine, ready?: mode -> what `warmUp` gives, problem? }]; a sample that fails is its `problem`
 * @param settings { rounds, limits(), sample(entry, mode, round), budget(engine): ms of samples that it may take per mode,
 *   once?(engine): whose calls take longer, in ms, is not asked again, since that call is its sample }
 * @returns { limits: of each round, plan: [{ entry, mode, times: ms by round, with holes }] }
 */
export async function interleave(entries, { rounds, limits, sample, budget, once = () => Infinity }) {
  const planned = entries.map((entry) =>
    Object.entries(entry.ready ?? {}).map(([mode, { ms, repeats }]) => {
      const enough = ms > once(entry.engine);
      const own = enough ? 0 : roundsWithin(rounds, budget(entry.engine), ms, repeats);
      return { entry, mode, own, times: enough ? [ms] : [] };
    }),
  );
  const measured = [];
  for (let round = 0; round < rounds; round++) {
    measured.push(await limits());
    // Of those that take part: whoever follows the absent would come first too often
    const due = planned.map((parts) => parts.filter(({ own }) => takesPart(round, own, rounds)));
    for (const { entry, mode, times } of rotated(due.filter(able), round).flat()) {
      if (entry.problem) continue;
      try {
        times[round] = await sample(entry, mode, round);
      } catch (error) {
        entry.problem = error.message;
      }
    }
  }
  return { limits: measured, plan: planned.flat() };
}
