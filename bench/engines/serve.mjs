// One engine in a process of its own, which does what it is told over the channel to its parent:
//   { prepare, reference, modes }   make the workload ready, check it, warm it up
//   { sample: mode }                one sample: ms of a call
//   { additions: true }, { limits: true }   where it is no engine but the machine
//   { release: true }
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { sample, warmUp, NotOffered } from "../harness/measure.mjs";
import { rowsToCheck } from "../harness/reference.mjs";
import { inputsOf, workloadOf } from "../harness/workloads.mjs";
import { additionsOf, limitsOf } from "./limits.mjs";
import { startSecondCore } from "./second-core.mjs";

const { program, options } = JSON.parse(process.argv[2]);
const bring = (path) => import(`../../${path}`);
const engine = program === "limits" ? undefined : await (await import(`./${program}.mjs`)).open(options, bring);
const machine = engine ? undefined : await openMachine(new WebAssembly.Module(readFileSync(options.module)));
let jobs;
let repeats = {};

const ORDERS = {
  async prepare({ prepare: id, reference, modes }) {
    const workload = workloadOf(id);
    const rows = rowsToCheck(workload);
    const bytes = readFileSync(reference);
    const wanted = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
    jobs = await engine.prepare(workload, inputsOf(workload));
    const ready = {};
    for (const mode of modes) {
      if (!jobs[mode]) continue;
      ready[mode] = await warmUp(jobs[mode], workload, wanted, rows);
      repeats[mode] = ready[mode].repeats;
      ready[mode].memory = jobs[mode].memory?.();
    }
    return ready;
  },
  sample: ({ sample: mode }) => sample(jobs[mode], repeats[mode]),
  async release() {
    await jobs?.close();
    jobs = undefined;
    repeats = {};
    globalThis.gc?.();
  },
  additions: () => machine.additions(),
  limits: () => machine.limits(),
};

process.on("message", async (message) => {
  try {
    const order = Object.keys(ORDERS).find((name) => name in message);
    process.send({ result: await ORDERS[order](message) });
  } catch (error) {
    process.send({ problem: problemOf(error), offered: !(error instanceof NotOffered) });
  }
});
process.on("disconnect", () => process.exit());
process.send({ ready: process.versions });

async function openMachine(module) {
  const second = availableParallelism() > 1 ? await startSecondCore(module) : undefined;
  return { additions: additionsOf(module), limits: limitsOf(module, second) };
}

/** One line: some peers throw texts, addresses of exceptions in WebAssembly, or pages with paths of their build machine. */
function problemOf(error) {
  if (typeof error === "number") return `an exception inside WebAssembly (${error})`;
  const [line] = String(error?.message ?? error)
    .trim()
    .split("\n");
  return line
    .replace(/ERROR_CODE: \d+, ERROR_MESSAGE: /, "")
    .replace(/\S*\/(\w+\.\w+:\d+) static .*?\(\) /, "$1 ")
    .slice(0, 200);
}
