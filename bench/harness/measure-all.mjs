// Puts the parts of a run together: which of them, is what the options say.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { buildCommits } from "./commits.mjs";
import { compileBoth } from "./compile.mjs";
import { ENGINES, enginesOfOurs } from "./engines.mjs";
import { KERNELS } from "./kernel-list.mjs";
import { describeMachine } from "./machine.mjs";
import { chooseNode } from "./node.mjs";
import { installPeers, peerVersions } from "./peers.mjs";
import { runRounds } from "./rounds.mjs";
import { WORKLOADS } from "./workloads.mjs";

/** Raised when the shape of the JSON changes, or how its numbers came about. */
export const FORMAT = 5;
/** Where `--write` also runs: browsers and the other runtimes of servers. */
const ALSO = ["node-22", "node-24", "deno", "bun", "chromium-page", "firefox-page"];
const KERNEL_ROUNDS = 15;

/** @param options of options.mjs */
export async function measureAll(options, say) {
  const started = performance.now();
  const run = {
    format: FORMAT,
    date: new Date().toISOString(),
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
    machine: describeMachine(),
    rounds: options.rounds,
    workloads: [],
  };
  const limits = await compileBoth("bench/assembly/limits.ts", "limits");
  if (options.against) await buildCommits(options.against, say);
  if (options.runtime) {
    run.runtimes = await inRuntimes(options.runtime, options, limits, say);
  } else {
    const node = await chooseNode(options.node, say);
    const wantsEngines = options.kernel === undefined;
    if (wantsEngines) Object.assign(run, await besidePeers(node, options, limits, say));
    if (options.kernel || options.write) {
      const names = options.kernel && !options.kernel.includes("all") ? options.kernel : KERNELS;
      run.kernels = await kernels(node, names, options, limits, say);
    }
    const everything = !(options.only || options.engines || options.against || options.kernel);
    if (everything) {
      const { measureSizes } = await import("./sizes.mjs");
      const { measureColdStarts } = await import("../cold-start/measure.mjs");
      run.sizes = await measureSizes(say);
      run.coldStarts = measureColdStarts(node, options.rounds, say);
    }
    if (options.write) run.runtimes = await inRuntimes(ALSO, options, limits, say);
  }
  run.seconds = Math.round((performance.now() - started) / 1000);
  return run;
}

/** The numbers that an earlier run wrote with --json. */
export function readRun(path) {
  const text = readFileSync(path, "utf8");
  let run;
  try {
    run = JSON.parse(text);
  } catch {}
  if (run?.format !== FORMAT) throw new Error(`${path} must be what --json wrote, in format ${FORMAT}`);
  return run;
}

async function besidePeers(node, options, limits, say) {
  const engines = chosenOf(options.against ? enginesOfOurs(options.against) : ENGINES, options);
  const workloads = WORKLOADS.filter(({ id }) => options.only?.includes(id) ?? true);
  if (engines.some((engine) => engine.package)) installPeers(say);
  const { versions, workloads: measured } = await runRounds({
    node,
    engines,
    workloads,
    rounds: options.rounds,
    anew: options.against !== undefined,
    limits: limits.relaxed,
    say,
  });
  const own = JSON.parse(readFileSync("package.json", "utf8")).version;
  return {
    title: `Node ${versions.node}`,
    versions: { "attention-wasm": own, node: versions.node, v8: versions.v8, ...peersOf(engines) },
    workloads: measured,
  };
}

/** Those that --engines names, of commits too. */
const chosenOf = (all, { engines }) => all.filter(({ name, kind = name }) => engines?.includes(kind) ?? true);

function peersOf(engines) {
  const used = new Set(engines.flatMap((engine) => engine.package ?? []));
  return used.size === 0 ? {} : Object.fromEntries(Object.entries(peerVersions()).filter(([name]) => used.has(name)));
}

async function kernels(node, names, options, limits, say) {
  say(`kernels: ${names.join(", ")}`);
  const modules = await compileBoth("bench/assembly/kernels.ts", "kernels");
  const rounds = Math.min(options.rounds, KERNEL_ROUNDS);
  const order = JSON.stringify({ names, modules, limits: limits.relaxed, rounds });
  const args = [...node.flags, "--expose-gc", "bench/harness/kernels.mjs", order];
  const { stdout } = await promisify(execFile)(node.path, args, { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout);
}

async function inRuntimes(names, options, limits, say) {
  const { measureRuntimes } = await import("../runtimes/measure.mjs");
  const engines = chosenOf(enginesOfOurs(options.against), options);
  return measureRuntimes(names, { ...options, engines, limits, say });
}
