// Makes the checkout runnable: installs what package-lock.json says where it is missing, and builds.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Runs a command with its output shown; ends the process when it fails. */
export function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    stdio: "inherit",
    env: { ...process.env, ...env },
    shell: process.platform === "win32",
  });
  if (status === 0) return;
  console.error(`\n${[command, ...args].join(" ")} failed${error ? `: ${error.message}` : ""}`);
  process.exit(status ?? 1);
}

/** Whether node_modules is what the lock file describes. */
function installed() {
  const marker = "node_modules/.package-lock.json";
  if (!existsSync(marker)) return false;
  const have = JSON.parse(readFileSync(marker, "utf8")).packages;
  const want = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
  return Object.entries(want).every(
    ([path, { version, optional }]) => path === "" || optional || have[path]?.version === version,
  );
}

export function setUp({ quiet = false } = {}) {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) {
    console.error(`attention-wasm needs Node 20 or later: this is ${process.versions.node}`);
    process.exit(1);
  }
  if (!installed()) {
    console.log("Installing what package-lock.json lists ...");
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  if (!quiet) console.log("Building ...");
  run(process.execPath, ["scripts/build.mjs"]);
}
