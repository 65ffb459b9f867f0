// What a page has to load before it can compute one attention, raw and gzipped: for peers the smallest choice of files that
// computes on the CPU. JavaScript is bundled and minified with esbuild, unless the peer ships such a file itself.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { PEERS } from "../engines/peers.mjs";
import { installPeers } from "./peers.mjs";

const ORT = `${PEERS}/node_modules/onnxruntime-web/dist`;
const TFJS = `${PEERS}/node_modules/@tensorflow/tfjs-backend-wasm/dist`;

/** What each page imports, or the peer's own files, and the modules that are fetched besides. */
const PAGES = [
  { title: "attention-wasm", imports: 'export { load } from "./build/index.js"', folder: "." },
  { title: "attention-wasm/threads", imports: 'export { load } from "./build/threads.js"', folder: "." },
  {
    title: "onnxruntime-web, wasm only",
    files: [`${ORT}/ort.wasm.min.mjs`, `${ORT}/ort-wasm-simd-threaded.mjs`, `${ORT}/ort-wasm-simd-threaded.wasm`],
  },
  {
    title: "tfjs-core and tfjs-backend-wasm, SIMD",
    imports:
      'export { setBackend, tidy, tensor, matMul, softmax, mul, add, transpose, reshape } from "@tensorflow/tfjs-core"; import "@tensorflow/tfjs-backend-wasm"',
    folder: PEERS,
    files: [`${TFJS}/tfjs-backend-wasm-simd.wasm`],
  },
];

/** [{ title, parts: [{ name, raw, gzip }], raw, gzip }]; onnxruntime-node as what a server has to install. */
export async function measureSizes(say) {
  installPeers(say);
  say("sizes");
  const sizes = [];
  for (const { title, imports, folder, files = [] } of PAGES) {
    const parts = files.map((file) => partOf(file.split("/").at(-1), readFileSync(file)));
    if (imports) parts.unshift(partOf("JavaScript, bundled", await bundle(imports, folder)));
    sizes.push(sumOf(title, parts));
  }
  const native = nativeFolder();
  const files = readdirSync(native).map((name) => partOf(name, readFileSync(`${native}/${name}`)));
  return [...sizes, sumOf(`onnxruntime-node (${process.platform} ${process.arch}, not for pages)`, files)];
}

const partOf = (name, bytes) => ({ name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length });

function sumOf(title, parts) {
  const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
  return { title, parts, raw: sum("raw"), gzip: sum("gzip") };
}

function nativeFolder() {
  const require = createRequire(`${PEERS}/package.json`);
  const root = require.resolve("onnxruntime-node").replace(/dist\/.*$/, "");
  return `${root}bin/napi-v6/${process.platform}/${process.arch}`;
}

async function bundle(contents, folder) {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  return Buffer.from(outputFiles[0].contents);
}
