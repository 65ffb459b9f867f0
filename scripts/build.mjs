// Builds everything into build/: the kernels (every target of asconfig.json), the generated ABI, the package's entry
// points with their types, the command line, and the tests. What is newer than its sources is left alone.
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import asc from "assemblyscript/asc";
import { build } from "esbuild";

const run = promisify(execFile);
const pack = JSON.parse(await readFile("package.json", "utf8"));

await mkdir("build", { recursive: true });
await buildKernels();
await buildProbe();
await run(process.execPath, ["scripts/generate-abi.mjs"]);
await Promise.all([
  buildPackage(),
  buildCommandLine(),
  buildTests(),
  process.env.ATTENTION_NO_TYPES ? null : buildTypes(),
]);

/** One module per target; a warning of the compiler is an error (AS228 compiles to code that reads address -8). */
async function buildKernels() {
  const sources = await newest("assembly", "asconfig.json", "package.json");
  const { targets } = JSON.parse(await readFile("asconfig.json", "utf8"));
  for (const [target, { outFile }] of Object.entries(targets)) {
    if ((await changed(outFile)) > sources) continue;
    const { error, stderr } = await asc.main(["--target", target]);
    const messages = stderr.toString();
    if (error || messages.includes("WARNING")) {
      console.error(messages);
      process.exit(1);
    }
  }
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

/** Both builds as text: blocks of 1 KB in turn, in hexadecimal, so that gzip sees what they share (docs/decisions/0006-hexadecimal.md). */
function embeddedBuilds() {
  const name = "attention-wasm:builds";
  return {
    name,
    setup({ onLoad, onResolve }) {
      onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: name }));
      onLoad({ filter: /./, namespace: name }, async () => {
        const [simd, relaxed] = await Promise.all(
          ["simd", "relaxed"].map((build) => readFile(`build/${build}.wasm`, "hex")),
        );
        const blocks = [];
        for (let at = 0; at < Math.max(simd.length, relaxed.length); at += 2048) {
          blocks.push({ simd: simd.slice(at, at + 2048), relaxed: relaxed.slice(at, at + 2048) });
        }
        return { contents: JSON.stringify(blocks), loader: "json" };
      });
    },
  };
}

/** The command line uses the package's own bundle, which lies beside it. */
function besidePackage() {
  return {
    name: "beside-package",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "./index.js", external: true }));
    },
  };
}

function bundle(options) {
  return build({
    bundle: true,
    format: "esm",
    target: "es2023",
    logLevel: "warning",
    ...options,
    plugins: [embeddedBuilds(), ...(options.plugins ?? [])],
  });
}

async function buildPackage() {
  const entryPoints = { index: "src/index.ts", onnx: "src/onnx/index.ts" };
  await bundle({
    entryPoints,
    outdir: "build",
    splitting: true,
    chunkNames: "[name]-[hash]",
    minify: true,
    platform: "neutral",
    mainFields: ["module", "main"],
  });
}

/** With everything it needs inside, so that the package itself depends on nothing; their licenses go with it. */
async function buildCommandLine() {
  const { metafile } = await bundle({
    entryPoints: ["src/cli/main.ts"],
    outfile: "build/cli.js",
    plugins: [besidePackage()],
    platform: "node",
    metafile: true,
    minify: true,
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as cjs } from 'node:module';const require = cjs(import.meta.url);",
    },
    define: { VERSION: JSON.stringify(pack.version) },
  });
  await chmod("build/cli.js", 0o755);
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []),
  );
  const notices = [];
  for (const name of [...packages].sort()) {
    const folder = `node_modules/${name}`;
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const { license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    notices.push(
      `# ${name} (${license})\n\n${file ? (await readFile(`${folder}/${file}`, "utf8")).trim() : license}\n`,
    );
  }
  await writeFile("build/THIRD-PARTY-NOTICES.md", notices.join("\n"));
}

async function buildTests() {
  const entryPoints = (await readdir("test")).filter((name) => name.endsWith(".test.ts")).map((name) => `test/${name}`);
  await bundle({
    entryPoints,
    outdir: "build/test",
    platform: "node",
    sourcemap: "inline",
    define: { VERSION: JSON.stringify(pack.version) },
    banner: { js: "import { createRequire as cjs } from 'node:module';const require = cjs(import.meta.url);" },
  });
}

async function buildTypes() {
  await run("node_modules/.bin/tsc", ["-p", "tsconfig.types.json"]).catch(({ stdout }) => {
    console.error(stdout);
    process.exit(1);
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
