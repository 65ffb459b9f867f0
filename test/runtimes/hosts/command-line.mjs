// Node, Deno and Bun: `HOST BUNDLE MODULES NAME [threads]`.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [bundle, modules, runtime, threads] = process.argv.slice(2);
const { run } = await import(pathToFileURL(resolve(bundle, "bundle.mjs")).href);
const report = await run({
  runtime,
  load: (name) => new WebAssembly.Module(readFileSync(`${modules}/${name}.wasm`)),
  threads: threads === "threads",
});
console.log(`\n${JSON.stringify(report)}`);
