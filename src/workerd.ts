// attention-wasm in Cloudflare Workers and other hosts on workerd: they forbid compiling, and give a Module for an import.
import relaxed from "./relaxed.wasm";
import simd from "./simd.wasm";
import type { Build } from "./engine/core.js";
import { Engine } from "./engine.js";
import { type LoadOptions, type LoadSyncOptions, loadCore, loadCoreSync } from "./engine/load.js";

export * from "./api.js";

export async function load(options: LoadOptions = {}): Promise<Engine> {
  return Engine.on(await loadCore(options, importedBuild));
}

export function loadSync(options: LoadSyncOptions = {}): Engine {
  return Engine.on(loadCoreSync(options, importedBuild));
}

function importedBuild(build: Build): WebAssembly.Module {
  return build === "simd" ? simd : relaxed;
}
