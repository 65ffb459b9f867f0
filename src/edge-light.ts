// attention-wasm in edge functions (Vercel, Next.js): they forbid compiling, and give a Module for an import with ?module.
// Only the simd build: a host compiles such imports before anything runs, and one without relaxed SIMD (Next.js on
// Node 20) would refuse the whole function.
import simd from "./simd.wasm?module";
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

function importedBuild(build: Build): WebAssembly.Module | undefined {
  return build === "simd" ? simd : undefined;
}
