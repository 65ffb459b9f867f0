// The Node that engines run on: one of the runtime matrix, brought from npm where it is missing.
import { LAUNCHERS } from "../../test/runtimes/launchers/index.mjs";
import { install } from "../../test/runtimes/matrix/install.mjs";

/** Majors that can be asked for, the newest last. */
export const MAJORS = LAUNCHERS.flatMap(({ name }) => name.match(/^node-(\d+)$/)?.[1] ?? []);

const RELAXED = "--experimental-wasm-relaxed-simd";

/** { path, flags }; the running Node where npm has no build for this platform. */
export async function chooseNode(major, say) {
  const own = { path: process.execPath, flags: process.versions.node.startsWith("20.") ? [RELAXED] : [] };
  if (`${process.platform}-${process.arch}` !== "linux-x64") {
    say(
      `no package with Node ${major} for ${process.platform}-${process.arch}: this Node ${process.versions.node} runs the engines`,
    );
    return own;
  }
  const launcher = LAUNCHERS.find(({ name }) => name === `node-${major}`);
  const failures = await install([launcher]);
  if (failures.size > 0) throw new Error(`Node ${major} cannot be had: ${[...failures.values()].join("; ")}`);
  const { command, args } = launcher.launch({});
  // What comes before the host's program are flags of Node
  return {
    path: command,
    flags: args.slice(
      0,
      args.findIndex((arg) => typeof arg === "string" && arg.endsWith(".mjs")),
    ),
  };
}
