// Builds everything into build/: the kernels (every target of asconfig.json), the generated ABI, the package's entry
// points with their types, the command line, and the tests. What is newer than its sources is left alone.
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import asc from "assemblyscript/asc";
import { build } from "esbuild";
import { coloursThatCanBeLeftOut } from "./build/colours.mjs";
import { buildCommandLine } from "./build/command-line.mjs";
import { embeddedBuilds } from "./build/encode.mjs";
import { buildNotices } from "./build/notices.mjs";
import { buildPackage, buildTypes } from "./build/package-files.mjs";
import { reportPage } from "./build/report-page.mjs";

const run = promisify(execFile);
const pack = JSON.parse(await readFile("package.json", "utf8"));
/** What every bundle has in common. */
const common = {
  bundle: true,
  format: "esm",
  target: "es2023",
  logLevel: "warning",
  plugins: [embeddedBuilds(), reportPage(), coloursThatCanBeLeftOut()],
};

await mkdir("build", { recursive: true });
await buildKernels();
await buildProbe();
await run(process.execPath, ["scripts/generate-abi.mjs"]);
const entries = buildPackage(common);
const commandLine = buildCommandLine(pack.version, common);
await Promise.all([
  Promise.all([entries, commandLine]).then((built) => buildNotices(built.map(({ metafile }) => metafile))),
  buildTests(),
  process.env.ATTENTION_NO_TYPES ? null : buildTypes(entries.then(({ values }) => values)),
]);

/** One module per target; a warning of the compiler is an error (AS228 compiles to code that reads address -8). */
async function buildKernels() {
  const sources = await newest("assembly", "asconfig.json", "package.json");
  const { targets } = JSON.parse(await readFile("asconfig.json", "utf8"));
  for (const [target, { outFile }] of Object.entries(targets)) {
    if ((await changed(outFile)) > sources) continue;
    const { error, stderr } = await asc.main([...entriesOf(target), "--target", target]);
    const messages = stderr.toString();
    if (error || messages.includes("WARNING")) {
      console.error(messages);
      process.exit(1);
    }
  }
}

/** The layers are modules of their own; threaded twins of the attention kernels also export what workers run. */
function entriesOf(target) {
  if (target.startsWith("layers-")) return ["assembly/layers/index.ts"];
  return target.endsWith("-threads") ? ["assembly/index.ts", "assembly/parallel/workers.ts"] : ["assembly/index.ts"];
}

/** The elementary functions on their own, for test/math.test.ts. */
async function buildProbe() {
  await mkdir("build/test", { recursive: true });
  const sources = await newest("assembly", "test/assembly");
  for (const [name, features] of [
    ["simd", ["simd"]],
    ["relaxed", ["simd", "relaxed-simd"]],
  ]) {
    const outFile = `build/test/math-${name}.wasm`;
    if ((await changed(outFile)) > sources) continue;
    const { error, stderr } = await asc.main([
      "test/assembly/math.ts",
      "--config",
      "none",
      "--outFile",
      outFile,
      "-O3",
      "--runtime",
      "stub",
      "--importMemory",
      "--noAssert",
      "--use",
      "abort=",
      "--disableWarning",
      "112",
      ...features.flatMap((feature) => ["--enable", feature]),
    ]);
    if (error) {
      console.error(stderr.toString());
      process.exit(1);
    }
  }
}

async function buildTests() {
  const entryPoints = (await readdir("test")).filter((name) => name.endsWith(".test.ts")).map((name) => `test/${name}`);
  await build({
    ...common,
    entryPoints,
    outdir: "build/test",
    platform: "node",
    sourcemap: "inline",
    define: { VERSION: JSON.stringify(pack.version) },
    banner: { js: "import { createRequire as cjs } from 'node:module';const require = cjs(import.meta.url);" },
  });
}

/** Time of the last change below some paths. */
async function newest(...paths) {
  let time = 0;
  for (const path of paths) {
    const info = await stat(path);
    if (info.isDirectory()) {
      for (const entry of await readdir(path)) time = Math.max(time, await newest(`${path}/${entry}`));
    } else {
      time = Math.max(time, info.mtimeMs);
    }
  }
  return time;
}

async function changed(path) {
  return (await stat(path).catch(() => ({ mtimeMs: 0 }))).mtimeMs;
}
