// The table of a run: for the terminal, and as docs/runtimes.md.
import { readFile, writeFile } from "node:fs/promises";

const DOCUMENT = "docs/runtimes.md";
const README = "README.md";
const MARKS = ["<!-- runtimes: npm run test:runtimes -- --write -->", "<!-- end of runtimes -->"];
const HEAD = ["runtime", "version", "build", "threads", "passed", "failed", "seconds"];

/** One row: what ran, and what came of it. */
export function rowOf({ launcher, outcome, verdict }, threadsBuilt) {
  const { report } = outcome;
  return [
    launcher.title,
    outcome.version ?? "-",
    report?.builds.join(", ") ?? "-",
    threadsOf(launcher, report, threadsBuilt),
    String(verdict.passed),
    String(verdict.failed),
    outcome.seconds?.toFixed(1) ?? "-",
  ];
}

function threadsOf(launcher, report, threadsBuilt) {
  if (launcher.threads !== true) return launcher.threads;
  if (!threadsBuilt) return "not built";
  return Object.keys(report?.prints.threads ?? {}).join(", ") || "-";
}

export function forTerminal(rows) {
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()).join("\n");
}

const markdown = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

/** Fingerprint of the relaxed build -> titles of the runtimes that have it. */
export function relaxedPrints(results) {
  const groups = new Map();
  for (const { launcher, outcome } of results) {
    const print = outcome.report?.prints.relaxed;
    if (print) groups.set(print, [...(groups.get(print) ?? []), launcher.title]);
  }
  return groups;
}

export async function writeDocument({ results, rows, summary, simd, processor }) {
  const differences = results.map(({ outcome }) => outcome.report?.prints.largestDifference ?? 0);
  const groups = [...relaxedPrints(results)].map(([print, titles]) => [`\`${print}\``, titles.join(", ")]);
  const same = results.filter(({ outcome }) => outcome.report?.prints.simd === simd).length;
  const text = `# Runtimes

The table of the last \`npm run test:runtimes -- --write\`, on ${new Date().toISOString().slice(0, 10)} (${processor}): the same file of tests in
every runtime. Generated: do not edit.

${markdown(HEAD, rows)}

${summary}

- **build**: the modules that were tested there, each with all tests.
- **threads**: the thread counts whose results were compared, or why there are none.
- Whatever hangs, ends early, says nothing or runs fewer tests than another runtime has failed. The run ends with a proof
  of that: every runtime again, with one test made to fail, must turn red.

## The same bits

\`load({ deterministic: true })\` gave the fingerprint \`${simd}\` in ${same} of ${results.length} runtimes: ${sectionCount(results)} groups of calls that use every
kernel ([test/runtimes/workload.ts](../test/runtimes/workload.ts)), the same once optimised and for every number of
threads. Each runtime holds them against [test/runtimes/hash.json](../test/runtimes/hash.json), which
\`npm run test:runtimes -- --accept\` writes when a kernel is to give other bits and all runtimes agree on them.

The relaxed build fuses multiply-adds where the engine does. Its largest difference from the simd build, over 1 + |x|,
was ${Math.max(...differences).toExponential(1)}; its fingerprints:

${markdown(["fingerprint", "runtimes"], groups)}

## How each is run

The versions are pinned in [test/runtimes/launchers/](../test/runtimes/launchers/index.mjs), one file per runtime. \`npm run test:runtimes\` brings what is
missing: npm packages below \`node_modules/.cache/runtimes\`, Debian packages by \`apt-get\` where it runs as root.
\`npm run test:runtimes -- deno jsc\` runs some of them.

- Pages are served with COOP and COEP. WebKit is WebKitGTK's MiniBrowser; relaxed SIMD and shared memory are switched on
  in it and relaxed SIMD in jsc and Node 20, which have them behind flags.
- WebKitGTK 2.50 at times ends the process of a page by an assertion in its compiler (\`jitCompileSIMDFunction\`) while several
  threads call functions for the first time. The run says so and starts that page once more.
- workerd and edge-runtime refuse to compile bytes: there the tests hold that \`load()\` says so, and run on modules that
  were compiled outside.
- jsc has no \`TextDecoder\`: the tests are lent one after the package has been imported without.
`;
  await writeFile(DOCUMENT, text);
  await writeReadme(results);
}

const sectionCount = (results) =>
  Object.keys(results.find(({ outcome }) => outcome.report)?.outcome.report.prints.sections ?? {}).length;

/** The README's table, between its marks. */
async function writeReadme(results) {
  const text = await readFile(README, "utf8");
  const [from, to] = MARKS.map((mark) => text.indexOf(mark));
  if (from < 0 || to < from) return;
  const rows = results.map(({ launcher, verdict, outcome }) => [
    launcher.title,
    outcome.version ?? "-",
    outcome.report?.builds.join(", ") ?? "-",
    `${verdict.passed} of ${verdict.passed + verdict.failed}`,
  ]);
  const table = markdown(["runtime", "version", "build", "tests passed"], rows);
  await writeFile(README, `${text.slice(0, from + MARKS[0].length)}\n${table}\n${text.slice(to)}`);
}

/** Runtimes that the document does not have. */
export async function missingInDocument(launchers) {
  const text = await readFile(DOCUMENT, "utf8").catch(() => "");
  return launchers.filter(({ title }) => !text.includes(`| ${title} |`)).map(({ title }) => title);
}
