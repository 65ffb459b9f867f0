// What the raw numbers of a run mean: rates, shares of the machine's limit, ratios to the others. Pure; everything that
// is printed or written is made of these.

import { summary } from "../harness/statistics.mjs";

/** The workload of a run, or undefined where it was not measured. */
export const workloadIn = (run, id) => run.workloads.find((workload) => workload.id === id);

/** An engine's figures in one mode, or undefined where it has none. */
export function figures(workload, name, mode) {
  const engine = workload?.engines.find((each) => each.name === name);
  const times = engine?.modes?.[mode];
  if (!times) return undefined;
  const rate = rateOf(workload, times.median);
  const ratioTo = (family) => {
    const peer = bestOf(workload, mode, (other) => other.family === family && other.name !== name);
    return peer && ratioOf(peer, times);
  };
  const javascript = ratioTo("javascript");
  const native = ratioTo("native");
  return {
    ...times,
    rate,
    share: shareOf(workload, times, limitOf(workload, engine.threads)),
    ...(javascript && { javascript }),
    ...(native && { native }),
  };
}

/** GFLOP/s, or GB/s of a decoding workload, for a time in ms. */
export const rateOf = ({ decode, bytes, flops }, ms) => (decode ? bytes : flops) / ms / 1e6;

/** What part of a limit the times of a workload reach. */
export const shareOf = (workload, times, limit) => ratioOf(limit, times, (most, ms) => rateOf(workload, ms) / most);

export const unitOf = ({ decode }) => (decode ? "GB/s" : "GFLOP/s");

/**
 * The limit of as many threads, a summary with samples: GFLOP/s of multiply-adds on one core or on two at once, GB/s that one
 * core reads, since cores share the memory. Where two were not measured, twice one is taken for them.
 */
export function limitOf({ decode, limits }, threads = 1) {
  if (decode) return limits.read;
  if (threads === 1) return limits.multiplyAdd;
  return limits.twoCores ?? { median: limits.multiplyAdd.median * threads };
}

/** a to b as the median over rounds. */
export const ratioOf = (a, b, divide) => ratiosOf(a, b, divide).median;

/**
 * The summary of a to b in the rounds that sampled both, so that both ran within seconds: the speed of a shared machine
 * changes in minutes. Of medians where no round did.
 */
export function ratiosOf(a, b, divide = (x, y) => x / y) {
  const ratios = (a.samples ?? []).flatMap((x, round) => {
    const y = b.samples?.[round] ?? null;
    return x === null || y === null ? [] : [divide(x, y)];
  });
  return summary(ratios.length > 0 ? ratios : [divide(a.median, b.median)]);
}

/** Of each engine of a commit: its title, and by mode how many times as fast this checkout's engine of the same kind is. */
export function againstCommits({ engines }) {
  return engines.flatMap(({ title, commit, kind, modes }) => {
    const own = commit && engines.find(({ name }) => name === kind);
    if (!modes || !own?.modes) return [];
    const ratios = Object.entries(modes).map(([mode, times]) => [mode, ratiosOf(times, own.modes[mode])]);
    return [{ title, ...Object.fromEntries(ratios) }];
  });
}

/** The fastest engine, by median, of those wanted: { name, title, and its times }; undefined where none has figures. */
export function bestOf(workload, mode, wanted) {
  return (workload?.engines ?? [])
    .filter((engine) => wanted(engine) && engine.modes?.[mode])
    .map(({ name, title, modes }) => ({ name, title, ...modes[mode] }))
    .sort((a, b) => a.median - b.median)[0];
}

/** The unit that suits the fastest of a workload: { name, ofMs: how many there are in one ms }. */
export function timeUnit(workload) {
  const medians = workload.engines.flatMap(({ modes }) => Object.values(modes ?? {}).map(({ median }) => median));
  const least = Math.min(...medians);
  if (least < 0.1) return { name: "µs", ofMs: 1000 };
  return least > 2000 ? { name: "s", ofMs: 0.001 } : { name: "ms", ofMs: 1 };
}

/** Three digits that count. */
export function digits(number) {
  if (number === undefined || !Number.isFinite(number)) return "";
  if (number === 0) return "0";
  const places = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))));
  return number.toFixed(Math.min(places, 4));
}

/** An engine without figures: why. */
function reasonOf({ problem, offered }) {
  return offered === false ? `not asked: ${problem}` : `failed: ${problem}`;
}

/** Of a kernel's case: its share of its limit, and its best sample in its unit; times are the better the smaller. */
export function kernelFigures({ value, unit, limit, median, min }) {
  const isRate = !unit.startsWith("ns/");
  return {
    best: isRate ? (value * median) / min : (value * min) / median,
    share: limit === undefined ? undefined : isRate ? value / limit : limit / value,
  };
}

/** Engines without figures by their reason: [[reason, titles]]. */
export function groupReasons({ engines }) {
  const groups = new Map();
  for (const engine of engines.filter(({ problem }) => problem)) {
    const reason = reasonOf(engine);
    groups.set(reason, [...(groups.get(reason) ?? []), engine.title]);
  }
  return [...groups];
}
