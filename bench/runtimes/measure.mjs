// Runs the workloads in other runtimes, one after the other, by the launchers of the runtime matrix (test/runtimes).
import { existsSync, rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LAUNCHERS } from "../../test/runtimes/launchers/index.mjs";
import { install } from "../../test/runtimes/matrix/install.mjs";
import { servePages } from "../../test/runtimes/matrix/page-server.mjs";
import { endAll } from "../../test/runtimes/matrix/processes.mjs";
import { runTests } from "../../test/runtimes/matrix/run-tests.mjs";
import { rotated } from "../harness/interleave.mjs";
import { joined } from "../harness/result.mjs";

/** ms for all workloads in one runtime. */
const LIMIT = 15 * 60_000;
const ROUNDS = 7;
/**
 * JavaScriptCore has processors check the bounds of 4 memories of a process and does it itself in the others, whose calls take
 * up to 1.4 times as long: as many as there are engines.
 */
const FAST_MEMORIES = { JSC_maxNumWasmFastMemories: "64", BUN_JSC_maxNumWasmFastMemories: "64" };
const WORKLOADS = ["W1", "W2", "W3", "W4", "W5", "W6", "W7-causal"];

/**
 * Versions that are compared have a new process or page in every round, and the first place in it by turns.
 * @param settings { only?, rounds, engines, against?, limits: paths of bench/assembly/limits.ts by build, say }
 * @returns [{ name, title, version, workloads, problem? }]
 */
export async function measureRuntimes(names, settings) {
  const launchers = LAUNCHERS.filter(({ name }) => names.includes(name));
  const failures = await install(launchers);
  const folder = await mkdtemp(join(tmpdir(), "attention-bench-"));
  process.on("exit", () => {
    endAll();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  const rounds = Math.min(settings.rounds, ROUNDS);
  const runs = settings.against
    ? Array.from({ length: rounds }, (_, round) => ({ rounds: 1, engines: rotated(settings.engines, round) }))
    : [{ rounds, engines: settings.engines }];
  const bundles = await Promise.all(runs.map((run, i) => makeBundle(join(folder, `${i}`), { ...settings, ...run })));
  Object.assign(process.env, FAST_MEMORIES);
  const server = await servePages();
  const results = [];
  try {
    for (const launcher of launchers)
      results.push(await measureIn(launcher, failures, bundles, { folder, server }, settings.say));
  } finally {
    await server.close();
  }
  return results;
}

async function measureIn(launcher, failures, bundles, places, say) {
  const { name, title, threads } = launcher;
  const failure = failures.get(name);
  if (failure) return { name, title, version: "", workloads: [], problem: failure };
  const version = (await launcher.version()).trim();
  const reports = [];
  for (const bundle of bundles) {
    say(`${title}: workloads${bundles.length > 1 ? `, round ${reports.length + 1} of ${bundles.length}` : ""}`);
    const { report, problem } = await runTests(launcher, {
      ...bundle,
      ...places,
      threads: threads === true,
      limit: LIMIT,
    });
    if (!report) return { name, title, version, workloads: [], problem };
    reports.push(report.workloads);
  }
  return { name, title, version, workloads: joined(reports) };
}

/** The bundle as the hosts of the matrix look for it: bundle.mjs and, beside it, the modules they load by name. */
async function makeBundle(folder, { only = WORKLOADS, rounds, engines, limits }) {
  const { build } = await import("esbuild");
  const modules = join(folder, "modules");
  await mkdir(modules, { recursive: true });
  for (const [name, path] of Object.entries(limits)) await cp(path, join(modules, `limits-${name}.wasm`));
  const { outputFiles } = await build({
    stdin: { contents: entryOf({ workloads: only, rounds, engines }), resolveDir: "." },
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    write: false,
    logLevel: "warning",
    logOverride: { "ignored-bare-import": "silent" },
    external: ["node:*"],
  });
  await writeFile(join(folder, "bundle.mjs"), outputFiles[0].text);
  return { bundle: folder, modules, bytes: (await readFile(join(folder, "bundle.mjs"))).length };
}

/** What is bundled: settings, and the entry points of every build that takes part. */
function entryOf(settings) {
  const folders = new Set(settings.engines.map(({ options }) => options.folder));
  const files = [...folders].flatMap((folder) => [`${folder}/index.js`, `${folder}/threads.js`]);
  const broughtBy = (file) =>
    existsSync(file) ? `import("./${file}")` : `{ throw new Error("there is no ${file}"); }`;
  return `import { measureAll } from "./bench/runtimes/bundle.mjs";
    const files = { ${files.map((file) => `"${file}": () => ${broughtBy(file)}`).join(", ")} };
    const bring = (path) => files[path]();
    export const run = (host) => measureAll(host, { ...${JSON.stringify(settings)}, bring });`;
}
