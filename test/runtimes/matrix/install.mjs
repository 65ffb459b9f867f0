// Brings what the launchers need: npm packages into folders of their own below node_modules/.cache, each of one exact
// version, and Debian packages where the script may install them.
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { finish } from "./processes.mjs";

const CACHE = resolve("node_modules/.cache/runtimes");
const TRIES = 3;

/** The folder of a launcher's npm packages. */
export const folderOf = (name) => join(CACHE, name);

/** A program that one of them brings. */
export const programOf = (folder, name) => join(folderOf(folder), "node_modules", ".bin", name);

/** Installs what is missing; gives name of launcher -> reason for those that cannot be had. */
export async function install(launchers) {
  const failures = new Map();
  for (const { name, needs } of launchers) {
    if (!needs.npm || (await installed(name, needs.npm))) continue;
    await installPackages(name, needs.npm).catch((error) => failures.set(name, error.message));
  }
  const debian = [...new Set(launchers.flatMap(({ needs }) => Object.entries(needs.debian ?? {}).filter(isMissing).map(([name]) => name)))];
  let reason = "";
  if (debian.length > 0) await installDebian(debian).catch((error) => {
    reason = error.message;
  });
  for (const { name, needs } of launchers) {
    const missing = Object.entries(needs.debian ?? {}).filter(isMissing);
    if (missing.length > 0) failures.set(name, `${missing.map(([name]) => name).join(", ")} missing: ${reason}`);
  }
  return failures;
}

async function installed(folder, packages) {
  for (const [name, version] of Object.entries(packages)) {
    const file = join(folderOf(folder), "node_modules", name, "package.json");
    const found = await readFile(file, "utf8").then(JSON.parse, () => ({}));
    if (found.version !== version) return false;
  }
  return true;
}

async function installPackages(folder, packages) {
  const list = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  console.log(`Installing ${list.join(", ")} ...`);
  const cwd = folderOf(folder);
  await rm(cwd, { recursive: true, force: true });
  await mkdir(cwd, { recursive: true });
  await writeFile(join(cwd, "package.json"), '{ "private": true }\n');
  const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", "--prefix", cwd];
  await repeated(() => finish("npm", ["install", ...flags, ...list], { cwd }));
}

/** A Debian package is there when its program, or the file it is known by, is. */
function isMissing([, program]) {
  if (program.includes("/")) return !existsSync(program);
  return !process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));
}

async function installDebian(packages) {
  const command = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  if (isMissing(["", "apt-get"])) throw new Error(`this system has no apt-get; on Debian: ${command}`);
  if (process.getuid?.() !== 0) throw new Error(`only root may install; as root: ${command}`);
  console.log(`Installing Debian packages ${packages.join(", ")} ...`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  // Somebody else may be installing: wait for the lock, and try again
  const patient = ["-qq", "-o", "DPkg::Lock::Timeout=300"];
  await repeated(async () => {
    await finish("apt-get", [...patient, "update"], { env });
    await finish("apt-get", [...patient, "install", "-y", "--no-install-recommends", ...packages], { env });
  });
}

async function repeated(attempt) {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5000 * tries));
    }
  }
}
