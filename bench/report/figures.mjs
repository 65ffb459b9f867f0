// What the raw numbers of a run mean: rates, shares of the machine's limit, ratios to the others. Pure; everything that
// is printed or written is made of these.

/** The workload of a run, or undefined where it was not measured. */
export const workloadIn = (run, id) => run.workloads.find((workload) => workload.id === id);

/** An engine's figures in one mode, or undefined where it has none. */
export function figures(workload, name, mode) {
  const engine = workload?.engines.find((each) => each.name === name);
  const times = engine?.modes?.[mode];
  if (!times) return undefined;
  const rate = rateOf(workload, times.median);
  const peer = (family) => bestOf(workload, mode, (other) => other.family === family && other.name !== name);
  const javascript = peer("javascript");
  const native = peer("native");
  return {
    ...times,
    rate,
    share: rate / limitOf(workload, engine.threads),
    ...(javascript && { javascript: javascript.median / times.median }),
    ...(native && { native: native.median / times.median }),
  };
}

/** GFLOP/s, or GB/s of a decoding workload, for a time in ms. */
export const rateOf = ({ decode, bytes, flops }, ms) => (decode ? bytes : flops) / ms / 1e6;

export const unitOf = ({ decode }) => (decode ? "GB/s" : "GFLOP/s");

/** GFLOP/s of multiply-adds on as many cores, or GB/s that one core reads: cores share the memory. */
export function limitOf({ decode, limits }, threads = 1) {
  return decode ? limits.read.median : limits.multiplyAdd.median * threads;
}

/** The fastest engine, by median, of those wanted: { name, title, median }; undefined where none has figures. */
export function bestOf(workload, mode, wanted) {
  return (workload?.engines ?? [])
    .filter((engine) => wanted(engine) && engine.modes?.[mode])
    .map(({ name, title, modes }) => ({ name, title, median: modes[mode].median }))
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
  const isRate = unit !== "ns/element";
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
