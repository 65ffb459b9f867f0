// Compiles a program of bench/assembly with the flags of both builds: -> { simd, relaxed }, paths of modules.
import { mkdirSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const FLAGS = "--config none -O3 --runtime stub --noAssert --use abort= --disableWarning 112 --enable simd";

export async function compileBoth(entry, name) {
  const sources = await newest(["assembly", "bench/assembly"]);
  mkdirSync("build/bench", { recursive: true });
  const modules = {};
  for (const build of ["simd", "relaxed"]) {
    const file = `build/bench/${name}-${build}.wasm`;
    modules[build] = file;
    if (statSync(file, { throwIfNoEntry: false })?.mtimeMs > sources) continue;
    const { default: asc } = await import("assemblyscript/asc");
    const relaxed = build === "relaxed" ? ["--enable", "relaxed-simd"] : [];
    const { error, stderr } = await asc.main([entry, "--outFile", file, ...FLAGS.split(" "), ...relaxed]);
    if (error) throw new Error(`${entry} does not compile: ${stderr.toString()}`);
  }
  return modules;
}

async function newest(folders) {
  let time = 0;
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true }))
      time = Math.max(time, statSync(join(folder, entry)).mtimeMs);
  }
  return time;
}
