import { resolve } from "node:path";
import { finish } from "../matrix/processes.mjs";

export default {
  name: "jsc",
  title: "jsc",
  needs: { debian: { "libjavascriptcoregtk-4.0-bin": "jsc" } },
  threads: "no workers",
  version: async () =>
    `WebKitGTK ${(await finish("dpkg-query", ["-W", "-f", "${Version}", "libjavascriptcoregtk-4.0-bin"])).split("-")[0]}`,
  launch: ({ bundle, modules }) => ({
    command: "jsc",
    args: [
      "--useWasmRelaxedSIMD=1",
      "-m",
      resolve("test/runtimes/hosts/jsc.mjs"),
      "--",
      bundle,
      modules,
      "jsc",
      resolve("build/index.js"),
    ],
  }),
};
