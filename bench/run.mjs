// npm run bench: attention-wasm beside its peers and the limits of the machine. `npm run bench -- --help` lists the options;
// docs/performance.md tells how it measures and is made from what it measured.
import { closeSync, openSync, writeFileSync } from "node:fs";
import { setUp } from "../scripts/setup.mjs";

setUp({ quiet: true });
// Not before: on a fresh checkout set-up installs what these import
const { readOptions } = await import("./harness/options.mjs");
const { measureAll, readRun } = await import("./harness/measure-all.mjs");
const { say, quiet } = await import("./harness/progress.mjs");
const { tableOf } = await import("./report/terminal.mjs");

const options = readOptions(process.argv);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
try {
  // Told now, not after a quarter of an hour
  if (options.json) closeSync(openSync(options.json, "a"));
  const run = options.from ? readRun(options.from) : await measureAll(options, say);
  quiet();
  console.log(tableOf(run));
  if (options.json) writeFileSync(options.json, `${JSON.stringify(run)}\n`);
  if (options.write) {
    const { writeDocuments } = await import("./report/documents.mjs");
    for (const path of await writeDocuments(run)) console.log(`written: ${path}`);
  }
} catch (error) {
  quiet();
  console.error(`bench: ${process.env.DEBUG ? error.stack : error.message}`);
  process.exitCode = 1;
}
process.exit();
