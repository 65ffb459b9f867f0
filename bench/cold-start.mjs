// npm run bench:cold-start: from import to the first result, in a new process each time, beside the peers. Medians are
// shown, and in parentheses the fastest, which tells how much of the median other processes took.
// Usage: npm run bench:cold-start -- [--rounds N] [--node MAJOR]
import { cpus } from "node:os";
import { setUp } from "../scripts/setup.mjs";

/** ms over the bare runtime. */
const GOAL = 15;

setUp({ quiet: true });
const { Command } = await import("commander");
const { chooseNode, MAJORS } = await import("./harness/node.mjs");
const { positiveInteger, oneOf } = await import("./harness/options.mjs");
const { quiet, say } = await import("./harness/progress.mjs");
const { measureColdStarts } = await import("./cold-start/measure.mjs");

const { rounds, node: major } = new Command("npm run bench:cold-start --")
  .option("--rounds <n>", "rounds", positiveInteger, 21)
  .option("--node <major>", "the Node that is started", oneOf("Node", MAJORS), MAJORS.at(-1))
  .allowExcessArguments(false)
  .parse()
  .opts();
const results = measureColdStarts(await chooseNode(major, say), rounds, say);
quiet();
console.log(`Node ${major}, ${cpus()[0].model.trim()}, 4 heads, 64 tokens, head size 64, ${rounds} rounds\n`);
console.log("median ms (fastest)               whole process   over the bare runtime   import to first result");
const cell = ({ median, min }) => `${median.toFixed(1)} (${min.toFixed(1)})`;
for (const { title, whole, over, inside } of results) {
  console.log(`${title.padEnd(33)}${cell(whole).padStart(14)}${cell(over).padStart(24)}${cell(inside).padStart(25)}`);
}
const { over } = results.find(({ name }) => name === "attention-wasm");
const met = over.median < GOAL;
console.log(`\ngoal: under ${GOAL} ms over the bare runtime: ${met ? "met" : "missed"} (${over.median.toFixed(1)} ms)`);
process.exit(met ? 0 : 1);
