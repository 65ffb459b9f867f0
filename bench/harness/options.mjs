// The command line: every wrong word is told before anything is installed or measured.
import { Command, InvalidArgumentError } from "commander";
import { LAUNCHERS } from "../../test/runtimes/launchers/index.mjs";
import { commitsOf } from "./commits.mjs";
import { ENGINES } from "./engines.mjs";
import { KERNELS } from "./kernel-list.mjs";
import { MAJORS } from "./node.mjs";
import { WORKLOADS } from "./workloads.mjs";

/** Runtimes of the matrix that workloads can run in: those that may compile. */
const RUNTIMES = LAUNCHERS.map(({ name }) => name).filter((name) => !["workerd", "edge-runtime", "jsc"].includes(name));

/** A list with commas. */
function listOf(what, names) {
  return (text) => {
    const wanted = text.split(",").filter(Boolean);
    const unknown = wanted.filter((name) => !names.includes(name));
    if (wanted.length === 0 || unknown.length > 0) {
      throw new InvalidArgumentError(`no ${what} ${unknown.join(", ") || "given"}: there are ${names.join(", ")}.`);
    }
    return wanted;
  };
}

export function positiveInteger(text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("it must be an integer from 1.");
  return number;
}

export const oneOf = (what, names) => (text) => listOf(what, names)(text)[0];

/** Short hashes. */
function commits(text) {
  const revisions = text.split(",").filter(Boolean);
  if (revisions.length === 0) throw new InvalidArgumentError("no commit given.");
  try {
    return commitsOf(revisions);
  } catch (error) {
    throw new InvalidArgumentError(`${error.message}.`);
  }
}

/** @returns { only, engines, rounds, node, runtime, against, kernel, json, from, write } */
export function readOptions(argv) {
  const command = new Command("npm run bench --")
    .description("Measures attention-wasm beside its peers and the machine's limits.")
    .option(
      "--only <ids>",
      "workloads, with commas",
      listOf(
        "workload",
        WORKLOADS.map(({ id }) => id),
      ),
    )
    .option(
      "--engines <names>",
      "engines, with commas",
      listOf(
        "engine",
        ENGINES.map(({ name }) => name),
      ),
    )
    .option("--rounds <n>", "rounds at most; engines that are slow take part in fewer", positiveInteger, 15)
    .option("--node <major>", "the Node that engines run on", oneOf("Node", MAJORS), MAJORS.at(-1))
    .option("--runtime <names>", "attention-wasm alone in these runtimes", listOf("runtime", RUNTIMES))
    .option("--against <commits>", "attention-wasm alone, this checkout beside these commits, with commas", commits)
    .option("--kernel <names>", "micro-benchmarks of kernels, or all", listOf("kernel", ["all", ...KERNELS]))
    .option("--json <file>", "write the numbers")
    .option("--from <file>", "do not measure: take the numbers of an earlier --json")
    .option("--write", "measure kernels and other runtimes too, and write docs/performance.*")
    .allowExcessArguments(false)
    .addHelpText("after", `\nworkloads: ${WORKLOADS.map(({ id, title }) => `\n  ${id.padEnd(12)} ${title}`).join("")}`)
    .addHelpText(
      "after",
      `\nNodes: ${MAJORS.join(", ")}\nruntimes: ${RUNTIMES.join(", ")}\nkernels: ${KERNELS.join(", ")}`,
    )
    .addHelpText("after", `\nengines: ${ENGINES.map(({ name, title }) => `\n  ${name.padEnd(12)} ${title}`).join("")}`)
    .parse(argv);
  const options = command.opts();
  const given = (name) => command.getOptionValueSource(name) === "cli";
  const clash = (a, b) => {
    if (given(a) && given(b)) command.error(`error: --${a} cannot be used with --${b}`);
  };
  for (const other of ["only", "engines", "rounds", "node", "runtime", "against", "kernel", "json"])
    clash("from", other);
  for (const other of ["engines", "runtime", "against", "write", "only"]) clash("kernel", other);
  for (const other of ["only", "engines", "runtime", "against"]) clash("write", other);
  clash("runtime", "node");
  const peer = options.engines?.find((name) =>
    ENGINES.some((engine) => engine.name === name && engine.family !== "ours"),
  );
  for (const alone of ["against", "runtime"]) {
    if (peer && given(alone)) command.error(`error: --engines ${peer} cannot be used with --${alone}`);
  }
  return options;
}
