// The run as one table for a person at a terminal.
import { againstCommits, digits, figures, groupReasons, kernelFigures, limitOf, timeUnit, unitOf } from "./figures.mjs";
import { goalsOf, judgeGoals } from "./goals.mjs";

const NAME = 42;
const bold = (text) => (process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[22m` : text);
const dim = (text) => (process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[2m${text}\x1b[22m` : text);

/** Everything that a run has. */
export function tableOf(run) {
  const { machine, runtimes = [], kernels } = run;
  const parts = [`${machine.cpu}, ${machine.cores} cores, ${run.rounds} rounds at most, ${run.date.slice(0, 10)}`];
  if (run.workloads.length > 0 || runtimes.length > 0) parts.push(LEGEND);
  if (run.workloads.length > 0) parts.push(bold(`== ${run.title}`), ...run.workloads.map(blockOf));
  for (const runtime of runtimes) {
    parts.push(bold(`== ${runtime.title} ${runtime.version}`), ...runtime.workloads.map(blockOf));
    if (runtime.problem) parts.push(`failed: ${runtime.problem}`);
  }
  if (kernels) parts.push(kernelTable(kernels));
  if (run.sizes) parts.push(sizeTable(run.sizes));
  if (run.coldStarts) parts.push(coldStartTable(run.coldStarts));
  const goals = judgeGoals(goalsOf(run));
  if (goals.length > 0) parts.push(goalTable(goals));
  return `${parts.join("\n\n")}\n`;
}

const LEGEND = `Times are medians, shares and ratios medians over rounds. of limit: of the multiply-adds of as many cores, or of what one core
reads. x JS, x native: how many times as fast as the fastest other engine in JavaScript, and as the fastest native one. error: largest
difference from float64.`;

function goalTable(goals) {
  const rows = goals.map(
    ({ what, wanted, got, reached }) => `${reached ? "yes" : "no "}  ${what.padEnd(60)} ${wanted.padEnd(16)} ${got}`,
  );
  return [bold("== limits to reach"), ...rows].join("\n");
}

function kernelTable({ limits, cases }) {
  const head = `== kernels, limits ${digits(limits.multiplyAdd)} GFLOP/s, ${digits(limits.read)} GB/s`;
  const columns = ["kernel".padEnd(32), "case".padEnd(46), "build".padEnd(8), "median".padStart(9), "best".padStart(8)];
  const lines = cases.map((each) => {
    const { file, title, build, value, unit, n } = each;
    const { best, share } = kernelFigures(each);
    const cells = [
      file.padEnd(32),
      title.padEnd(46),
      build.padEnd(8),
      digits(value).padStart(9),
      digits(best).padStart(8),
    ];
    cells.push(unit.padEnd(11), (share?.toFixed(2) ?? "").padStart(8));
    return [...cells, String(n).padStart(4)].join(" ");
  });
  return [
    bold(head),
    dim([...columns, "unit".padEnd(11), "of limit".padStart(8), "n".padStart(4)].join(" ")),
    ...lines,
  ].join("\n");
}

function sizeTable(sizes) {
  const kilobytes = (bytes) => (bytes / 1000).toFixed(1).padStart(9);
  const rows = sizes.map(({ title, raw, gzip }) => `${title.padEnd(NAME + 2)} ${kilobytes(raw)} ${kilobytes(gzip)}`);
  return [
    bold("== sizes, KB"),
    dim(`${"package".padEnd(NAME + 2)} ${"raw".padStart(9)} ${"gzip".padStart(9)}`),
    ...rows,
  ].join("\n");
}

function coldStartTable(starts) {
  const columns = [
    ["whole process", "whole"],
    ["over the bare runtime", "over"],
    ["import to result", "inside"],
  ];
  const head = columns.map(([title]) => title.padStart(22)).join("");
  const rows = starts.map(
    (start) => start.title.padEnd(NAME) + columns.map(([, key]) => start[key].median.toFixed(1).padStart(22)).join(""),
  );
  return [bold("== cold start, median ms"), dim("engine".padEnd(NAME) + head), ...rows].join("\n");
}

function blockOf(workload) {
  const unit = timeUnit(workload);
  const rate = unitOf(workload);
  const work = workload.decode ? `${digits(workload.bytes / 1e6)} MB` : `${digits(workload.flops / 1e9)} GFLOP`;
  const head = `${workload.id}  ${workload.title}`;
  const two = workload.limits.twoCores && !workload.decode ? `, two cores ${digits(limitOf(workload, 2).median)}` : "";
  const limit = `${digits(limitOf(workload).median)} ${rate}${two}`;
  const columns = [
    "engine".padEnd(NAME),
    `resident ${unit.name}`.padStart(11),
    "min".padStart(8),
    "p25-p75".padStart(15),
    rate.padStart(8),
    "of limit".padStart(9),
    "x JS".padStart(6),
    "x native".padStart(9),
    `host ${unit.name}`.padStart(10),
    rate.padStart(8),
    "x JS".padStart(6),
    "x native".padStart(9),
    "error".padStart(9),
    "n".padStart(4),
  ];
  const rows = workload.engines.filter(({ problem }) => !problem).map((engine) => rowOf(workload, engine, unit));
  if (rows.length > 0) rows.unshift(dim(columns.join(" ")));
  for (const [reason, titles] of groupReasons(workload)) rows.push(dim(`${reason} (${shortened(titles)})`));
  rows.push(...commitTable(workload));
  return [`${bold(head)}  ${work}, limit ${limit}`, ...rows].join("\n");
}

/** How many times as fast this checkout is as each engine of a commit: medians and quartiles over rounds. */
function commitTable(workload) {
  const compared = againstCommits(workload);
  if (compared.length === 0) return [];
  const cellsOf = ({ median, p25, p75, n }) => [median.toFixed(3), `${p25.toFixed(3)}-${p75.toFixed(3)}`, String(n)];
  const line = (title, cells) =>
    title.padEnd(NAME) + cells.map((cell, i) => cell.padStart([12, 14, 4][i % 3])).join("");
  return [
    dim(line("this checkout is times as fast as", ["resident", "p25-p75", "n", "host", "p25-p75", "n"])),
    // Host arrays are left out of some workloads
    ...compared.map(({ title, resident, host }) => line(title, [resident, host].filter(Boolean).flatMap(cellsOf))),
  ];
}

/** What engines of one reason are called: the part before the operator or the way, once. */
function shortened(titles) {
  const names = new Map();
  for (const title of titles) {
    const [name] = title.split(/,? (?=Attention|Multi|Group|per head|batched|relaxed|simd)/);
    names.set(name, [...(names.get(name) ?? []), title.slice(name.length).replace(/^,? /, "")]);
  }
  return [...names].map(([name, parts]) => (parts[0] ? `${name}: ${parts.join("; ")}` : name)).join(", ");
}

function rowOf(workload, engine, unit) {
  const title = engine.title.padEnd(NAME);
  const resident = figures(workload, engine.name, "resident");
  const host = figures(workload, engine.name, "host");
  const time = (ms) => digits(ms * unit.ofMs);
  const cells = [
    title,
    resident ? time(resident.median).padStart(11) : "".padStart(11),
    (resident ? time(resident.min) : "").padStart(8),
    (resident ? `${time(resident.p25)}-${time(resident.p75)}` : "").padStart(15),
    digits(resident?.rate).padStart(8),
    (resident ? resident.share.toFixed(2) : "").padStart(9),
    digits(resident?.javascript).padStart(6),
    digits(resident?.native).padStart(9),
    (host ? time(host.median) : "").padStart(10),
    digits(host?.rate).padStart(8),
    digits(host?.javascript).padStart(6),
    digits(host?.native).padStart(9),
    Math.max(resident?.error ?? 0, host?.error ?? 0)
      .toExponential(1)
      .padStart(9),
    String((resident ?? host).n).padStart(4),
  ];
  const line = cells.join(" ");
  return engine.family === "ours" ? bold(line) : line;
}
