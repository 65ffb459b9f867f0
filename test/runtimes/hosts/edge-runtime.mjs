// Vercel's edge-runtime on Node, with code generation forbidden as its hosts do: `HOST BUNDLE MODULES NAME FOLDER`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [bundle, modules, runtime, folder] = process.argv.slice(2);
const { EdgeRuntime } = createRequire(join(folder, "package.json"))("edge-runtime");
const edge = new EdgeRuntime({ codeGeneration: { strings: false, wasm: false } });
edge.evaluate(readFileSync(join(bundle, "bundle.js"), "utf8"));
// Modules come from outside, as a bundler's import of a .wasm file does
const load = (name) => new WebAssembly.Module(readFileSync(join(modules, `${name}.wasm`)));
const report = await edge.context.ATTENTION_TESTS.run({ runtime, load, compiles: false });
console.log(`\n${JSON.stringify(report)}`);
