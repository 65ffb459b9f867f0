// Bundles the tests into a folder, with everything that hosts serve or read beside them: as an ES module and as a script,
// whole and sabotaged in each way. The package's own bundles go in as they are published.
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

export const SABOTAGES = ["fail", "hang", "crash", "silent", "fewer"];

const MODULES = {
  simd: "build/simd.wasm",
  relaxed: "build/relaxed.wasm",
  "layers-simd": "build/layers-simd.wasm",
  "layers-relaxed": "build/layers-relaxed.wasm",
  "math-simd": "build/test/math-simd.wasm",
  "math-relaxed": "build/test/math-relaxed.wasm",
};

/** What stands for uvu's own start: the queue is there, and nothing runs by itself. */
const BANNER = "globalThis.UVU_DEFER=1;globalThis.UVU_QUEUE=[[null]];";

/** Stands for attention-wasm/threads where that was not built. */
const NO_THREADS = "build/index.js";

/** In the bundle, the package is what `npm run build` made, and files are what was embedded. */
function published() {
  const embedded = resolve("test/runtimes/embedded-files.ts");
  return {
    name: "published",
    setup({ onResolve }) {
      onResolve({ filter: /\/src\/index\.js$/ }, () => ({ path: resolve("build/index.js") }));
      onResolve({ filter: /\/src\/onnx\/index\.js$/ }, () => ({ path: resolve("build/onnx.js") }));
      onResolve({ filter: /\/src\/layers\/index\.js$/ }, () => ({ path: resolve("build/layers.js") }));
      onResolve({ filter: /\/src\/threads\.js$/ }, () => ({ path: resolve(threadsBuilt() ? "build/threads.js" : NO_THREADS) }));
      onResolve({ filter: /^node:(fs|path)$/ }, () => ({ path: embedded }));
    },
  };
}

/** Whether `npm run build` made attention-wasm/threads. */
export const threadsBuilt = () => existsSync("build/threads.js");

export async function makeBundles(folder) {
  // Not above: on a fresh machine it is installed after this file was imported
  const { build } = await import("esbuild");
  await mkdir(join(folder, "modules"), { recursive: true });
  const shared = {
    entryPoints: ["test/runtimes/bundle.ts"],
    bundle: true,
    target: "es2022",
    platform: "neutral",
    mainFields: ["module", "main"],
    logLevel: "warning",
    logOverride: { "ignored-bare-import": "silent" },
    loader: { ".zip": "binary" },
    define: { "process.env.CONFORMANCE_DIR": '"reference data"' },
    plugins: [published()],
    write: false,
  };
  const [module, script] = await Promise.all([
    build({ ...shared, format: "esm" }),
    build({ ...shared, format: "iife", globalName: "ATTENTION_TESTS" }),
  ]);
  for (const sabotage of [undefined, ...SABOTAGES]) {
    const first = `${BANNER}${sabotage ? `globalThis.SABOTAGE="${sabotage}";` : ""}\n`;
    const variant = join(folder, sabotage ?? "whole");
    await mkdir(variant);
    await writeFile(join(variant, "bundle.mjs"), first + module.outputFiles[0].text);
    await writeFile(join(variant, "bundle.js"), first + script.outputFiles[0].text);
  }
  for (const [name, file] of Object.entries(MODULES)) await cp(file, join(folder, "modules", `${name}.wasm`));
  return { bytes: (await readFile(join(folder, "whole", "bundle.mjs"))).length };
}
