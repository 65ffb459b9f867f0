// workerd, the runtime of Cloudflare Workers: everything is a module that its configuration embeds.
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { programOf } from "../matrix/install.mjs";

const VERSION = "1.20261117.1";
const program = programOf("workerd", "workerd");
const WASM = ["simd", "relaxed", "layers-simd", "layers-relaxed", "math-simd", "math-relaxed"];

const CONFIGURATION = `using Workerd = import "/workerd/workerd.capnp";
const unitTests :Workerd.Config = (services = [(name = "main", worker = .tests)]);
const tests :Workerd.Worker = (
  modules = [
    (name = "workerd.mjs", esModule = embed "workerd.mjs"),
    (name = "bundle.mjs", esModule = embed "bundle.mjs"),
    ${WASM.map((name) => `(name = "${name}.wasm", wasm = embed "${name}.wasm")`).join(",\n    ")}
  ],
  compatibilityDate = "2026-01-01"
);
`;

export default {
  name: "workerd",
  title: "workerd",
  needs: { npm: { workerd: VERSION } },
  threads: "no workers",
  version: async () => `${VERSION}, V8`,
  async launch({ bundle, modules, temporary }) {
    await writeFile(join(temporary, "tests.capnp"), CONFIGURATION);
    await cp("test/runtimes/hosts/workerd.mjs", join(temporary, "workerd.mjs"));
    await cp(join(bundle, "bundle.mjs"), join(temporary, "bundle.mjs"));
    for (const name of WASM) await cp(join(modules, `${name}.wasm`), join(temporary, `${name}.wasm`));
    return { command: program, args: ["test", join(temporary, "tests.capnp")] };
  },
};
