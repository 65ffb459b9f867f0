// The limits to reach, each judged by the numbers of a run. One core, the relaxed build and resident tensors unless said.
import { bestOf, digits, figures, ratioOf, shareOf, workloadIn } from "./figures.mjs";

/** Speeds closer than this count as level. */
const LEVEL = 0.95;
/** What inputs and outputs do not explain, in bytes per thread. */
const SPARE = 2e6;

const web = ({ name }) => name.startsWith("ort-web");
const native = ({ family }) => family === "native";
const nativeAttention = ({ name }) => name === "ort-node-a";
const others = ({ family }) => family !== "ours";

/** { what, value, least or most, suffix?, beside? } of every goal; value undefined where the run does not tell. */
export function goalsOf(run) {
  const at = (id, name = "relaxed", mode = "resident") => figures(workloadIn(run, id), name, mode);
  const ratio = (id, wanted, mode = "resident") => {
    const peer = bestOf(workloadIn(run, id), mode, wanted);
    const own = at(id, "relaxed", mode);
    return peer && own && ratioOf(peer, own);
  };
  const quotient = (a, b) => a && b && ratioOf(a, b);
  const goals = [];
  const share = (id, least) => {
    const own = at(id);
    const beside = besideShare(workloadIn(run, id), own);
    goals.push({ what: `${id}: share of the multiply-add peak`, least, value: own?.share, beside });
  };
  const readShare = (id) => {
    const own = at(id);
    const workload = workloadIn(run, id);
    const value = own && shareOf(workload, own, workload.limits.plainRead);
    const beside = own && `${own.share.toFixed(3)} of one of two halves side by side`;
    goals.push({ what: `${id}: share of the read bandwidth, of a plain sum`, least: 0.9, value, beside });
  };
  const times = (id, wanted, title, least, mode) =>
    goals.push({
      what: `${id}: times as fast as ${title}${mode === "host" ? ", host arrays" : ""}`,
      least,
      value: ratio(id, wanted, mode),
      suffix: " x",
    });

  for (const id of ["W1", "W2"]) {
    share(id, 0.8);
    times(id, web, "onnxruntime-web", 2.2);
    times(id, web, "onnxruntime-web", 2.2, "host");
  }
  times("W3", web, "onnxruntime-web", 4);
  times("W3", nativeAttention, "native Attention", 1);
  for (const id of ["W4", "W4-kv8"]) {
    times(id, web, "onnxruntime-web", 4);
    times(id, native, "native, level with it", LEVEL);
  }
  for (const id of ["W5", "W5-kv8"]) {
    readShare(id);
    readShare(`${id}-f32`);
    times(id, others, "all others", 1);
    for (const [dtype, least] of [
      ["f16", 1.7],
      ["int8", 3],
    ]) {
      const value = quotient(at(`${id}-f32`), at(`${id}-${dtype}`));
      goals.push({ what: `${id}: ${dtype} cache, times as fast as the f32 cache`, least, value, suffix: " x" });
    }
  }
  for (const [mode, most, title] of [
    ["resident", 5, "resident"],
    ["host", 10, "host arrays"],
  ]) {
    const ms = at("W6", "relaxed", mode)?.median;
    goals.push({ what: `W6: microseconds, ${title}`, most, value: ms && ms * 1000, suffix: " µs" });
  }
  share("W7-causal", 0.8);
  goals.push({
    what: "W7-causal: times as fast as the best JavaScript peer",
    least: 3.5,
    value: at("W7-causal")?.javascript,
    suffix: " x",
  });
  times("W7-causal", nativeAttention, "native Attention", 1);
  for (const id of ["W1", "W3", "W4"]) {
    const value = quotient(at(id), at(id, "relaxed-2"));
    const beside = besideThreads(workloadIn(run, id));
    goals.push({ what: `${id}: 2 threads, times as fast as 1`, least: 1.9, value, suffix: " x", beside });
  }
  for (const id of ["W1", "W3", "W4", "W7-causal"]) {
    goals.push({
      what: `${id}: simd build, speed of the relaxed build`,
      least: 0.85,
      value: quotient(at(id), at(id, "simd")),
    });
  }
  for (const [name, threads] of [
    ["relaxed", 1],
    ["relaxed-2", 2],
  ]) {
    const memory = at("W8", name)?.memory;
    goals.push({
      what: `W8: MB beyond inputs and outputs, ${threads} thread${threads > 1 ? "s" : ""}`,
      most: (SPARE * threads) / 1e6,
      value: memory && (memory.peak - memory.needed) / 1e6,
      suffix: " MB",
    });
  }
  return goals;
}

/** How much of the peak the machine kept up: long calls cannot be above that. */
function besideShare(workload, own) {
  if (!own || !workload.limits.average) return undefined;
  return `the machine ${ratioOf(workload.limits.average, workload.limits.multiplyAdd).toFixed(3)}`;
}

/** What two cores of the machine gave in the same rounds, as times the one on which one thread ran. */
function besideThreads(workload) {
  const { twoCoresAverage, average, together } = workload?.limits ?? {};
  const additions = together ? ` by multiply-adds, ${together.median.toFixed(2)} by additions` : "";
  return twoCoresAverage && `the machine ${digits(ratioOf(twoCoresAverage, average))} x${additions}`;
}

/** Only what the run tells: { what, wanted, got, reached }. */
export function judgeGoals(goals) {
  return goals
    .filter(({ value }) => value !== undefined)
    .map(({ what, least, most, value, suffix = "", beside }) => ({
      what,
      wanted: least === undefined ? `at most ${most}${suffix}` : `at least ${least}${suffix}`,
      got: `${value.toFixed(suffix ? 2 : 3)}${suffix}${beside ? ` (${beside})` : ""}`,
      reached: least === undefined ? value <= most : value >= least,
    }));
}
