// Where the package is consumed: its tarball, new folders with it installed, and the tools that consume it.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const FIXTURES = resolve("scripts/package/fixtures");
const TOOLS = resolve("build/package-test/tools");
const NPM = ["--no-audit", "--no-fund", "--loglevel=error"];
const folders = [];
let packed;

/** Runs a command; rejects with its output when it fails or takes too long. */
export function run(command, args, { cwd, env, timeout = 180_000 } = {}) {
  return new Promise((done, fail) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout, maxBuffer: 2 ** 26, killSignal: "SIGKILL" };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return done({ stdout, stderr });
      const why = error.killed ? `took longer than ${timeout / 1000} s` : `exit code ${error.code}`;
      fail(new Error(`${command} ${args.join(" ")}: ${why}\n${stdout}${stderr}`.trim()));
    });
  });
}

/** Builds, packs and remembers the tarball. */
export async function pack() {
  await run(process.execPath, ["scripts/build.mjs"], { timeout: 600_000 });
  const folder = await temporary();
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder]);
  const [{ filename, files, unpackedSize }] = JSON.parse(stdout);
  packed = { path: join(folder, filename), files: files.map(({ path }) => path).sort(), unpackedSize };
  return packed;
}

export function tarball() {
  return packed;
}

/** Installs what tools.json lists, where that has not been done. */
export async function installTools() {
  const wanted = await readFile("scripts/package/tools.json", "utf8");
  const have = await readFile(join(TOOLS, "package.json"), "utf8").catch(() => "");
  const done = await readFile(join(TOOLS, "installed"), "utf8").catch(() => "");
  if (have === wanted && done === wanted) return;
  await rm(TOOLS, { recursive: true, force: true });
  await mkdir(TOOLS, { recursive: true });
  await writeFile(join(TOOLS, "package.json"), wanted);
  await run("npm", ["install", ...NPM], { cwd: TOOLS, timeout: 900_000 });
  await writeFile(join(TOOLS, "installed"), wanted);
}

/** The path of a file of an installed tool. */
export function toolPath(path) {
  return join(TOOLS, "node_modules", path);
}

/** A tool's module, by what `import` would be given. */
export function tool(name) {
  const path = createRequire(join(TOOLS, "package.json")).resolve(name);
  return import(pathToFileURL(path).href);
}

/** A new folder that goes away at the end. */
export async function temporary() {
  const folder = await mkdtemp(join(tmpdir(), "attention-wasm-package-"));
  folders.push(folder);
  return folder;
}

export async function removeFolders() {
  for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** A new project with the tarball installed by npm, the fixtures attend.js and report.js, and these files. */
export async function consumer(files = {}, manifest = { type: "module" }) {
  const folder = await temporary();
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, ...manifest }));
  await run("npm", ["install", ...NPM, packed.path], { cwd: folder });
  for (const name of ["attend.js", "report.js"]) await cp(join(FIXTURES, name), join(folder, name));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

export function fixture(name) {
  return readFile(join(FIXTURES, name), "utf8");
}
