// Installs bench/package.json into build/bench/peers where that has not been done.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { PEERS } from "../engines/peers.mjs";

export function installPeers(say = console.error) {
  const wanted = readFileSync("bench/package.json", "utf8");
  const marker = `${PEERS}/installed`;
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return;
  say("installing the peers into build/bench/peers ...");
  mkdirSync(PEERS, { recursive: true });
  writeFileSync(`${PEERS}/package.json`, wanted);
  // Scripts of packages are not run: that of onnxruntime-node would fetch what a GPU needs
  const flags = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  const { status } = spawnSync("npm", flags, {
    cwd: PEERS,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error("the peers could not be installed (bench/package.json): npm install failed");
  writeFileSync(marker, wanted);
}

/** Name -> installed version. */
export function peerVersions() {
  const { dependencies } = JSON.parse(readFileSync("bench/package.json", "utf8"));
  return Object.fromEntries(
    Object.keys(dependencies).map((name) => [
      name,
      JSON.parse(readFileSync(`${PEERS}/node_modules/${name}/package.json`, "utf8")).version,
    ]),
  );
}
