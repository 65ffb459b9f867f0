import { programOf } from "../matrix/install.mjs";
import { finish } from "../matrix/processes.mjs";

const program = programOf("deno", "deno");

export default {
  name: "deno",
  title: "Deno",
  needs: { npm: { deno: "2.9.6" } },
  threads: true,
  version: () => finish(program, ["eval", "console.log(`${Deno.version.deno}, V8 ${Deno.version.v8}`)"]),
  launch: ({ bundle, modules, threads, temporary }) => ({
    command: program,
    args: [
      "run",
      "--allow-all",
      "--no-config",
      "--no-lock",
      "test/runtimes/hosts/command-line.mjs",
      bundle,
      modules,
      "deno",
      ...(threads ? ["threads"] : []),
    ],
    env: { DENO_DIR: temporary, DENO_NO_UPDATE_CHECK: "1" },
  }),
};
