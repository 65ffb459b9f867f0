// npm run test:runtimes: the same bundled tests in every runtime, side by side. Brings what is missing, prints one table
// and closes with "N passed, N failed". Names of runtimes as arguments run only those.
//   --write      the table into docs/runtimes.md, and between the marks of README.md
//   --accept     the fingerprints into test/runtimes/hash.json, if all runtimes agree on them
//   --break      with one test made to fail: every row must be red
//   --no-proof   without that run at the end, and without the ways to say nothing
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LAUNCHERS } from "../test/runtimes/launchers/index.mjs";
import { install } from "../test/runtimes/matrix/install.mjs";
import { expectedOf, judge } from "../test/runtimes/matrix/judge.mjs";
import { makeBundles, threadsBuilt } from "../test/runtimes/matrix/make-bundle.mjs";
import { servePages } from "../test/runtimes/matrix/page-server.mjs";
import { endAll } from "../test/runtimes/matrix/processes.mjs";
import { runTests } from "../test/runtimes/matrix/run-tests.mjs";
import { forTerminal, missingInDocument, relaxedPrints, rowOf, writeDocument } from "../test/runtimes/matrix/table.mjs";
import { setUp } from "./setup.mjs";

/** Generous: the machine may be busy with other work. */
const LIMIT = 120_000;
/** For a runtime that hangs on purpose. */
const SHORT_LIMIT = 10_000;
/** The ways to say nothing are tried in one program and one browser. */
const SILENCES = { runtimes: ["node-24", "chromium-page"], sabotages: ["hang", "crash", "silent", "fewer"] };
const AT_ONCE = Math.min(3, availableParallelism());

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(["write", "accept", "break", "no-proof"].map((name) => [name, { type: "boolean" }])),
});
const unknown = names.filter((name) => !LAUNCHERS.some((launcher) => launcher.name === name));
if (unknown.length > 0) {
  console.error(`no runtime ${unknown.join(", ")}: there are ${LAUNCHERS.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const launchers = LAUNCHERS.filter(({ name }) => names.length === 0 || names.includes(name));
if (flags.write && launchers.length < LAUNCHERS.length) {
  console.error("--write needs a run of all runtimes");
  process.exit(2);
}

setUp();
const folder = await mkdtemp(join(tmpdir(), "attention-"));
const server = await servePages();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
process.on("exit", () => {
  endAll();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});
let closing = { passed: 0, failed: 1 };
try {
  closing = await testAll();
} finally {
  await server.close();
}
console.log(`\n${closing.passed} passed, ${closing.failed} failed`);
process.exit(closing.failed === 0 ? 0 : 1);

async function testAll() {
  const failures = await install(launchers);
  await makeBundles(folder);
  const able = launchers.filter(({ name }) => !failures.has(name));
  const outcomes = await runAll(able, flags.break ? "fail" : "whole");
  const expected = expectedOf(outcomes.values());
  const results = launchers.map((launcher) => {
    const outcome = outcomes.get(launcher) ?? { problem: failures.get(launcher.name) };
    return { launcher, outcome, verdict: judge(launcher, outcome, expected) };
  });
  for (const { launcher, verdict } of results) {
    for (const problem of verdict.problems) console.log(`\n${launcher.title}: ${problem}`);
  }
  const rows = results.map((result) => rowOf(result, threadsBuilt()));
  console.log(`\n${forTerminal(rows)}\n`);

  const checks = [...results.map(({ verdict }) => verdict), ...(await checkPrints(results))];
  if (!threadsBuilt())
    console.log(
      `threads: 0 tests in ${launchers.filter(({ threads }) => threads === true).length} runtimes, build/threads.js is not there`,
    );
  if (launchers.length === LAUNCHERS.length && !flags.write) {
    const missing = await missingInDocument(launchers);
    checks.push(check(missing.length === 0, `docs/runtimes.md lacks ${missing.join(", ")}: run with --write`));
  }
  if (!flags["no-proof"] && !flags.break) checks.push(await prove(able, expected));
  const sum = (key) => checks.reduce((n, check) => n + check[key], 0);
  const closing = { passed: sum("passed"), failed: sum("failed") };
  if (flags.write) await writeTable(results, rows, closing);
  return closing;
}

/** Runs some launchers, a few at once; launcher -> outcome. */
async function runAll(some, variant) {
  const outcomes = new Map();
  const waiting = [...some];
  const work = async () => {
    for (let launcher = waiting.shift(); launcher; launcher = waiting.shift()) {
      const version = await launcher.version().catch((error) => `? (${error.message.slice(0, 60)})`);
      const outcome = await runVariant(launcher, variant, LIMIT);
      outcomes.set(launcher, { ...outcome, version: version.trim() });
      if (variant === "whole") console.log(`${launcher.title}: ${outcome.seconds.toFixed(1)} s`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}

function runVariant(launcher, variant, limit) {
  const paths = { folder, bundle: join(folder, variant), modules: join(folder, "modules") };
  return runTests(launcher, { ...paths, threads: threadsBuilt(), server, limit });
}

/** One fingerprint everywhere; each runtime has compared its own with the repository's. */
async function checkPrints(results) {
  const reports = results.flatMap(({ outcome }) => outcome.report ?? []);
  const prints = [...new Set(reports.map(({ prints }) => prints.simd))];
  console.log(`simd: ${prints.join(", ")} in ${reports.length} of ${results.length} runtimes`);
  for (const [print, titles] of relaxedPrints(results)) console.log(`relaxed: ${print} in ${titles.join(", ")}`);
  const [simd] = prints;
  if (flags.accept && prints.length === 1 && simd) {
    await writeFile(
      "test/runtimes/hash.json",
      `${JSON.stringify({ simd, sections: reports[0].prints.sections }, null, 2)}\n`,
    );
    console.log("accepted: test/runtimes/hash.json");
  }
  return [check(prints.length === 1 && simd !== undefined, "the simd build gives different bits")];
}

function check(good, text) {
  if (!good) console.log(`FAILED: ${text}`);
  return good ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** That red is red: one failing test in every runtime, and each way to say nothing in a program and a browser. */
async function prove(able, expected) {
  const few = { bits: expected.bits };
  const checks = [];
  for (const [launcher, outcome] of await runAll(able, "fail")) {
    const { failed, problems } = judge(launcher, outcome, few);
    const red = failed === 1 && outcome.report !== undefined;
    checks.push(
      check(red, `${launcher.title} with a failing test: ${failed} failed; ${problems.map(firstLine).join("; ")}`),
    );
  }
  console.log(
    `proof: ${checks.filter(({ passed }) => passed).length} of ${able.length} runtimes turn red by one failing test`,
  );
  for (const launcher of able.filter(({ name }) => SILENCES.runtimes.includes(name))) {
    for (const sabotage of SILENCES.sabotages) {
      const limit = sabotage === "hang" ? SHORT_LIMIT : LIMIT;
      const { failed, problems } = judge(launcher, await runVariant(launcher, sabotage, limit), few);
      const red = check(failed > 0, `${launcher.title} is green although it was told to ${sabotage}`);
      checks.push(red);
      console.log(
        `proof: ${launcher.title}, ${sabotage}: ${red.passed ? "red" : "green"}, ${firstLine(problems[0] ?? "")}`,
      );
    }
  }
  const sum = (key) => checks.reduce((n, each) => n + each[key], 0);
  return { passed: sum("passed"), failed: sum("failed") };
}

function firstLine(text) {
  return text.trim().split("\n")[0];
}

async function writeTable(results, rows, { passed, failed }) {
  const processor = cpus()[0]?.model ?? process.arch;
  const simd = results.find(({ outcome }) => outcome.report)?.outcome.report.prints.simd;
  await writeDocument({ results, rows, summary: `${passed} passed, ${failed} failed.`, simd, processor });
  console.log("written: docs/runtimes.md");
}
