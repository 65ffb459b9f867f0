// npm test: set-up, build, every test file in a process of its own, as many at once as there are processors, and one
// closing line. Names of files (without .test.ts) as arguments run only those. On Node 20 the relaxed build needs a flag, which is given where it exists.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setUp } from "./setup.mjs";

setUp();

const wanted = process.argv.slice(2);
const files = readdirSync("build/test").filter(
  (name) => name.endsWith(".test.js") && (wanted.length === 0 || wanted.includes(name.slice(0, -".test.js".length))),
);
const relaxedFlag = "--experimental-wasm-relaxed-simd";
const flags = Number(process.versions.node.split(".")[0]) < 22 ? [relaxedFlag] : [];

let passed = 0;
let failed = 0;
const waiting = [...files];
await Promise.all(Array.from({ length: availableParallelism() }, work));
if (files.length === 0) failed++;
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function work() {
  for (let file = waiting.shift(); file; file = waiting.shift()) await test(file);
}

async function test(file) {
  const started = Date.now();
  const { output, code } = await runFile(`build/test/${file}`);
  // uvu closes each file with Total, Passed and Skipped
  const count = (word) => Number(output.match(new RegExp(`^\\s*${word}:\\s+(\\d+)`, "m"))?.[1] ?? Number.NaN);
  const total = count("Total");
  const good = count("Passed");
  const bad = total - good;
  // A file that dies, runs nothing or forgets to run its suite has failed
  const broken = !(total > 0) || (code !== 0 && bad === 0);
  passed += broken ? 0 : good;
  failed += broken ? 1 : bad;
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(
    `${broken || bad > 0 ? "FAIL" : "ok  "} ${file.padEnd(28)} ${broken ? "did not finish" : `${good} of ${total}`}, ${seconds} s`,
  );
  if (broken || bad > 0) console.log(output);
  else for (const line of output.split("\n")) if (/^(conformance|note):/.test(line)) console.log(`     ${line}`);
}

function runFile(path) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...flags, path], {
      env: { ...process.env, FORCE_COLOR: "0", NO_COLOR: "1" },
    });
    let output = "";
    const collect = (chunk) => {
      output += chunk;
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("close", (code) => resolve({ output, code }));
  });
}
