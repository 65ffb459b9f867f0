// The package's entry points: ES modules that share chunks of stable names, the CommonJS doors to them, and types.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { forEveryLibrary, reachable } from "./declarations.mjs";
import { loaderWithoutManagedObjects } from "./loader.mjs";
import { place } from "./place.mjs";

const run = promisify(execFile);

/** Where users can import from; what TypeScript finds of each lies under the same name below build/types. */
const ENTRIES = {
  index: "src/index.ts",
  slim: "src/slim.ts",
  onnx: "src/onnx/index.ts",
  inspect: "src/inspect/index.ts",
  threads: "src/threads.ts",
  layers: "src/layers/index.ts",
  // Behind conditions of package.json
  workerd: "src/workerd.ts",
  "edge-light": "src/edge-light.ts",
  "layers-workerd": "src/layers/workerd.ts",
  "layers-edge-light": "src/layers/edge-light.ts",
  "onnx-workerd": "src/onnx/workerd.ts",
  "onnx-edge-light": "src/onnx/edge-light.ts",
};
const WITHOUT_REQUIRE = Object.keys(ENTRIES).filter((name) => /(workerd|edge-light)$/.test(name));
/** The name of the chunk that has this module inside. */
const CHUNKS = {
  "src/errors.ts": "errors",
  "src/checks.ts": "checks",
  "src/engine.ts": "engine",
  "src/engine/embedded.ts": "builds",
  "src/layers/kernels.ts": "layers-core",
  "src/layers/module.ts": "layers-all",
  "src/onnx/inputs.ts": "onnx-all",
};

/** @returns what each entry point exports besides types, and esbuild's list of what went in */
export async function buildPackage(common) {
  const entryPoints = Object.fromEntries(Object.entries(ENTRIES).filter(([, source]) => existsSync(source)));
  const { outputFiles, metafile } = await build({
    ...common,
    plugins: [...common.plugins, loaderWithoutManagedObjects()],
    entryPoints,
    outdir: "build",
    splitting: true,
    chunkNames: "chunk-[hash]",
    minify: true,
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["*.wasm", "*.wasm?module"],
    write: false,
    metafile: true,
  });
  const names = chunkNames(metafile);
  const written = new Set(["cli.js"]);
  // What is imported comes before what imports it, so that whoever reads meanwhile finds everything
  for (const { path, text } of outputFiles.sort((a, b) => isEntry(a.path) - isEntry(b.path))) {
    const file = path.split(/[\\/]/).at(-1);
    // What is left of modules of types alone
    if (text.trim() === "") continue;
    const name = names.get(file) ?? file;
    written.add(name);
    const renamed = text.replace(/chunk-[A-Z0-9]+\.js/g, (chunk) => names.get(chunk));
    // No chunk has side effects: imports for their sake are not needed, and bundlers warn of them
    const needed = renamed.replace(/import"\.\/[\w-]+\.js";/g, "");
    // The text of the builds last: gzip then looks back on the code in one piece
    await place(`build/${name}`, needed.replace(/^(import[^;]*"\.\/builds\.js";)((?:import[^;]*;)+)/, "$2$1"));
  }
  for (const name of Object.keys(entryPoints)) {
    if (WITHOUT_REQUIRE.includes(name)) continue;
    await place(`build/${name}.cjs`, door(name));
    written.add(`${name}.cjs`);
  }
  // build/.gitignore hides everything from npm too, unless this is there
  await place("build/.npmignore", "test/\nbench/\n");
  for (const file of await readdir("build")) {
    if (/\.c?js$/.test(file) && !written.has(file)) await rm(`build/${file}`, { force: true });
  }

  const values = Object.fromEntries(
    Object.keys(entryPoints).map((name) => [name, metafile.outputs[`build/${name}.js`].exports]),
  );
  return { values, metafile };

  function isEntry(path) {
    return Object.keys(entryPoints).some((name) => path.endsWith(`${name}.js`)) ? 1 : 0;
  }
}

/** Chunks by the modules they have inside, so that a name does not change with the contents. */
function chunkNames({ outputs }) {
  const names = new Map();
  for (const [path, { inputs, entryPoint }] of Object.entries(outputs)) {
    if (entryPoint) continue;
    const known = Object.keys(CHUNKS).filter((source) => source in inputs);
    const users = Object.entries(outputs)
      .filter(([, output]) => output.entryPoint && output.imports.some((used) => used.path === path))
      .map(([user]) => user.slice("build/".length, -".js".length));
    const name = known.length > 0 ? CHUNKS[known.at(-1)] : `shared-${users.sort().join("-")}`;
    if ([...names.values()].includes(`${name}.js`)) throw new Error(`two chunks would be named ${name}.js`);
    names.set(path.slice("build/".length), `${name}.js`);
  }
  return names;
}

/** CommonJS gets the ES module itself, so that classes are the same objects whichever way they came. */
function door(name) {
  return `"use strict";
try {
  module.exports = require("./${name}.js");
} catch (error) {
  if (error.code !== "ERR_REQUIRE_ESM") throw error;
  throw new Error("require() of attention-wasm needs Node 20.19, 22.12 or later: use await import() here", { cause: error });
}
`;
}

/** @param values what each entry point exports besides types, or a promise of it */
export async function buildTypes(values) {
  const entries = Object.entries(ENTRIES).filter(
    ([name, source]) => existsSync(source) && !WITHOUT_REQUIRE.includes(name),
  );
  const folder = join(tmpdir(), `attention-wasm-types-${process.pid}`);
  try {
    await run("node_modules/.bin/tsc", ["-p", "tsconfig.types.json", "--outDir", folder]);
    const declared = entries.map(([, source]) => source.replace(/^src\/(.*)\.ts$/, "$1.d.ts"));
    const wanted = await reachable(folder, declared);
    wanted.set("wasm.d.ts", forEveryLibrary("declare const module: WebAssembly.Module;\nexport default module;\n"));
    for (const [name, source] of entries) {
      wanted.set(`${name}.d.cts`, typesOfDoor(source, (await values)[name], wanted));
    }
    for (const [file, text] of wanted) await place(`build/types/${file}`, text);
    for (const file of await readdir("build/types", { recursive: true })) {
      if (/\.d\.c?ts$/.test(file) && !wanted.has(file.replaceAll("\\", "/"))) {
        await rm(`build/types/${file}`, { force: true });
      }
    }
  } catch (error) {
    if (error.stdout === undefined) throw error;
    console.error(error.stdout);
    process.exit(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What `require` gives has the types of the ES module: types as they are, values by their names. */
function typesOfDoor(source, exported, declarations) {
  // What has no declaration is internal
  const all = [...declarations.values()].join("");
  const values = exported.filter((value) => new RegExp(`export declare \\w+ (class )?${value}\\b`).test(all));
  const module = `./${source.replace(/^src\/(.*)\.ts$/, "$1.js")}`;
  // Of one name, what the entry's own folder declares: LSTM is a class of layers and a function of onnx
  const folder = source.replace(/^src\/|[^/]+$/g, "");
  const own = [...declarations]
    .filter(([path]) => path.startsWith(folder))
    .map(([, text]) => text)
    .join("");
  const isClass = (value) => {
    const declared = new RegExp(`export declare (?:abstract )?(\\w+) ${value}\\b`);
    return (own.match(declared) ?? all.match(declared))?.[1] === "class";
  };
  const mode = 'with { "resolution-mode": "import" }';
  return [
    `import type * as esm from "${module}" ${mode};`,
    `export type * from "${module}" ${mode};`,
    ...values.map((value) => `export declare const ${value}: typeof esm.${value};`),
    ...values.filter(isClass).map((value) => `export type ${value} = esm.${value};`),
    "",
  ].join("\n");
}
