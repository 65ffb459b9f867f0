// What is in the tarball, how much it weighs, and what linters of packages say.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { check, expect } from "./checks.mjs";
import { consumer, run, tarball, tool, toolPath } from "./workplace.mjs";

/** Most bytes: of each entry point, bundled, minified and gzipped as a consumer would; of the tarball, unpacked. */
const BUDGETS = {
  ".": 37_000,
  "./slim": 60_000,
  "./onnx": 60_000,
  "./inspect": 60_000,
  "./layers": 60_000,
  "./threads": 60_000,
};
const UNPACKED = 820_000;
/** Everything else in the tarball is one too many. */
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^build\/(index|slim|onnx|inspect|layers|threads)\.c?js$/,
  /^build\/((layers-|onnx-)?(workerd|edge-light)|layers-all|layers-core|onnx-all|engine|errors|checks|builds|cli|shared-[a-z-]+)\.js$/,
  /^build\/(simd|relaxed)(-threads)?\.wasm$/,
  /^build\/layers-(simd|relaxed)\.wasm$/,
  /^build\/THIRD-PARTY-NOTICES\.md$/,
  /^build\/types\/([a-z]+\/){0,2}[a-z0-9-]+\.d\.ts$/,
  /^build\/types\/(index|slim|onnx|inspect|layers|threads)\.d\.cts$/,
];

check("tarball: what a user needs, nothing else", async () => {
  const { files } = tarball();
  const strange = files.filter((path) => !ALLOWED.some((pattern) => pattern.test(path)));
  expect(strange.length === 0, `not for users: ${strange.join(", ")}`);
  const { exports, bin } = JSON.parse(await readFile("package.json", "utf8"));
  const named = [...targets(exports), ...Object.values(bin)].map((path) => path.replace(/^\.\//, ""));
  const missing = [...named, "LICENSE", "build/THIRD-PARTY-NOTICES.md"].filter((path) => !files.includes(path));
  expect(missing.length === 0, `named in package.json and missing: ${missing.join(", ")}`);
  for (const path of files.filter((path) => /^build\/.*\.(c?js|d\.c?ts)$/.test(path))) {
    const text = await readFile(path, "utf8");
    const used = [...text.matchAll(/(?:from ?|import\(|require\()"(\.[^"?]+)/g)].map(([, to]) => join(path, "..", to));
    const lost = used.filter((to) => !files.includes(to) && !files.includes(to.replace(/\.js$/, ".d.ts")));
    expect(lost.length === 0, `${path} needs ${lost.join(", ")}`);
  }
  return `${files.length} files`;
});

check(`size: unpacked at most ${UNPACKED / 1000} KB`, () => {
  const { unpackedSize } = tarball();
  expect(unpackedSize <= UNPACKED, `${unpackedSize} bytes`);
  return `${(unpackedSize / 1000).toFixed(1)} KB`;
});

for (const [entry, budget] of Object.entries(BUDGETS)) {
  check(`size: ${entry} at most ${budget / 1000} KB gzipped`, async () => {
    const specifier = entry.replace(".", "attention-wasm");
    const bytes = await minified(`export * from ${JSON.stringify(specifier)}`);
    expect(bytes.length <= budget, `${bytes.length} bytes`);
    return `${(bytes.length / 1000).toFixed(2)} KB`;
  });
}

check("sideEffects: an unused import leaves nothing", async () => {
  const entries = Object.keys(BUDGETS).map((entry) => entry.replace(".", "attention-wasm"));
  const bytes = await minified(entries.map((entry) => `import ${JSON.stringify(entry)};`).join("\n"), false);
  expect(bytes.length === 0, `${bytes.length} bytes stay`);
});

check("tree shaking: slim brings no WebAssembly", async () => {
  const code = (await minified(`export { load } from "attention-wasm/slim"`, false)).toString();
  const builds = await readFile("build/builds.js", "utf8");
  const [text] = builds.match(/"[^"]{1000,}"/) ?? [];
  expect(text && !code.includes(text.slice(1, 500)), "the builds are inside");
  return `${(gzipSync(code, { level: 9 }).length / 1000).toFixed(2)} KB`;
});

check("tree shaking: Attention of onnx brings no layers", async () => {
  const code = (await minified(`export { Attention } from "attention-wasm/onnx"`, false)).toString();
  const builds = await readFile("build/layers-core.js", "utf8");
  const [text] = builds.match(/"[^"]{1000,}"/) ?? [];
  expect(text && !code.includes(text.slice(1, 500)), "the builds of the layers are inside");
  return `${(gzipSync(code, { level: 9 }).length / 1000).toFixed(2)} KB`;
});

check("publint --strict", () =>
  run(process.execPath, [toolPath("publint/src/cli.js"), "--strict", tarball().path]).then(() => undefined),
);

check("@arethetypeswrong/cli", async () => {
  const names = ["simd", "relaxed", "simd-threads", "relaxed-threads", "layers-simd", "layers-relaxed"];
  const modules = names.map((name) => `./${name}.wasm`);
  const cli = toolPath("@arethetypeswrong/cli/dist/index.js");
  await run(process.execPath, [cli, tarball().path, "--profile", "node16", "--exclude-entrypoints", ...modules]);
});

async function minified(contents, gzip = true) {
  const folder = await consumer();
  const { build } = await tool("esbuild");
  const { outputFiles, warnings } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  const own = warnings.filter(({ id }) => id !== "ignored-bare-import");
  expect(own.length === 0, own.map(({ text }) => text).join("\n"));
  const bytes = Buffer.from(outputFiles[0].contents);
  return gzip ? gzipSync(bytes, { level: 9 }) : bytes;
}

/** All files that `exports` names. */
function targets(value) {
  return typeof value === "string" ? [value] : Object.values(value).flatMap(targets);
}
