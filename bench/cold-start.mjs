// npm run bench:cold-start: from import to the first result, in a new process each time. Rounds are interleaved (bare
// runtime, this package, plain JavaScript, onnxruntime-web, bare runtime, ...); medians are shown, and in parentheses the
// fastest, which tells how much of the median other processes took. In the column `over the bare runtime` stands what a
// whole process takes more than one that makes the inputs only: reading, compiling and computing.
// Usage: npm run bench:cold-start -- [rounds, default 21]
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

const GOAL = 15;
const rounds = Number(process.argv[2] ?? 21);
const PEERS = "build/bench/peers";
const NAMES = ["bare", "attention-wasm", "plain-javascript", "onnxruntime-web"];

installPeers();
const runs = Object.fromEntries(NAMES.map((name) => [name, { whole: [], inside: [], sum: undefined }]));
for (let round = -2; round < rounds; round++) {
  for (const name of NAMES) {
    const started = performance.now();
    const printed = execFileSync(process.execPath, [`bench/cold-start/${name}.mjs`], { encoding: "utf8" });
    const whole = performance.now() - started;
    const { milliseconds, sum } = JSON.parse(printed);
    runs[name].sum = sum;
    // The first rounds fill the caches of files
    if (round < 0) continue;
    runs[name].whole.push(whole);
    runs[name].inside.push(milliseconds);
  }
}

for (const name of NAMES.slice(1)) {
  if (Math.abs(runs[name].sum - runs["plain-javascript"].sum) > 1e-3)
    throw new Error(`${name} computed something else`);
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const least = (list) => Math.min(...list);
const bare = runs.bare.whole;
console.log(
  `Node ${process.versions.node}, ${cpus()[0].model.trim()}, 4 heads, 64 tokens, head size 64, ${rounds} rounds\n`,
);
console.log("median ms (fastest)   whole process   over the bare runtime   import to first result");
for (const name of NAMES) {
  const { whole, inside } = runs[name];
  const cells = [median, least].map((of) => [of(whole), of(whole) - of(bare), of(inside)].map((ms) => ms.toFixed(1)));
  const [first, second, third] = cells[0].map((cell, i) => `${cell} (${cells[1][i]})`);
  console.log(`${name.padEnd(20)}${first.padStart(15)}${second.padStart(24)}${third.padStart(25)}`);
}
const over = median(runs["attention-wasm"].whole) - median(bare);
console.log(
  `\ngoal: under ${GOAL} ms over the bare runtime: ${over < GOAL ? "met" : "missed"} (${over.toFixed(1)} ms)`,
);
process.exit(over < GOAL ? 0 : 1);

/** Installs bench/package.json where that has not been done. */
function installPeers() {
  const wanted = readFileSync("bench/package.json", "utf8");
  const marker = `${PEERS}/installed`;
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return;
  mkdirSync(PEERS, { recursive: true });
  writeFileSync(`${PEERS}/package.json`, wanted);
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: PEERS, stdio: "inherit" });
  writeFileSync(marker, wanted);
}
