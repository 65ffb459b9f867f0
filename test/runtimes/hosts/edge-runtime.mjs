// Vercel's edge-runtime on Node, with code generation forbidden as its hosts do: `HOST BUNDLE MODULES NAME FOLDER`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [bundle, modules, runtime, folder] = process.argv.slice(2);
const { EdgeRuntime } = createRequire(join(folder, "package.json"))("edge-runtime");
const edge = new EdgeRuntime({ codeGeneration: { strings: false, wasm: false } });
// Each look at a global crosses from one realm into the other, which is slow: the tests look at these once
const GLOBALS = "Math,Number,Object,Array,Float32Array,Float64Array,Uint8Array,Uint16Array,Int32Array,BigInt64Array,DataView";
const code = readFileSync(join(bundle, "bundle.js"), "utf8");
edge.evaluate(`(()=>{const {${GLOBALS}}=globalThis;${code};globalThis.ATTENTION_TESTS=ATTENTION_TESTS})()`);
// Modules come from outside, as a bundler's import of a .wasm file does
const load = (name) => new WebAssembly.Module(readFileSync(join(modules, `${name}.wasm`)));
const report = await edge.context.ATTENTION_TESTS.run({ runtime, load, compiles: false });
console.log(`\n${JSON.stringify(report)}`);
