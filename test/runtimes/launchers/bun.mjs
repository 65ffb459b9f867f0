import { programOf } from "../matrix/install.mjs";
import { finish } from "../matrix/processes.mjs";

const program = programOf("bun", "bun");

export default {
  name: "bun",
  title: "Bun",
  needs: { npm: { bun: "1.4.5" } },
  threads: true,
  version: async () => `${(await finish(program, ["--version"])).trim()}, JavaScriptCore`,
  launch: ({ bundle, modules, threads }) => ({
    command: program,
    args: ["test/runtimes/hosts/command-line.mjs", bundle, modules, "bun", ...(threads ? ["threads"] : [])],
  }),
};
