// Where the package is consumed: its tarball, new folders with it installed, and the tools that consume it.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const FIXTURES = resolve("scripts/package/fixtures");
const CACHE = resolve("build/package-test");
/** Before bundlers loaded into this process set NODE_ENV. */
export const ENVIRONMENT = { ...process.env };
const NPM = ["--no-audit", "--no-fund", "--loglevel=error"];
const folders = [];
let packed;

/** Runs a command; rejects with its output when it fails or takes too long. */
export function run(command, args, { cwd, env, timeout = 180_000 } = {}) {
  return new Promise((done, fail) => {
    const options = { cwd, env: { ...ENVIRONMENT, ...env }, timeout, maxBuffer: 2 ** 26, killSignal: "SIGKILL" };
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

/** Installs what tools.json (or another list beside it) says, where that has not been done. */
export async function installTools(list = "tools") {
  const wanted = await readFile(`scripts/package/${list}.json`, "utf8");
  const folder = join(CACHE, list);
  const done = await readFile(join(folder, "installed"), "utf8").catch(() => "");
  if (done === wanted) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), wanted);
  await run("npm", ["install", ...NPM], { cwd: folder, timeout: 900_000 });
  await writeFile(join(folder, "installed"), wanted);
}

/** The path of a file of an installed tool. */
export function toolPath(path, list = "tools") {
  return join(CACHE, list, "node_modules", path);
}

/** A tool's module, by what `import` would be given. */
export function tool(name) {
  const path = createRequire(join(CACHE, "tools/package.json")).resolve(name);
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

let installed;
/** A new folder where npm installed the tarball; every consumer starts as a copy of it. */
async function install() {
  const folder = await temporary();
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true }));
  await run("npm", ["install", ...NPM, packed.path], { cwd: folder });
  return folder;
}

/** A new project with the tarball installed by npm, the fixtures attend.js, layer.js and report.js, and these files. */
export async function consumer(files = {}, manifest = { type: "module" }) {
  const folder = await temporary();
  installed ??= install();
  await cp(await installed, folder, { recursive: true, verbatimSymlinks: true });
  const { dependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, ...manifest, dependencies }));
  for (const name of ["attend.js", "layer.js", "report.js"]) await cp(join(FIXTURES, name), join(folder, name));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

export function fixture(name) {
  return readFile(join(FIXTURES, name), "utf8");
}
