// The public face of attention-wasm: what `import ... from "attention-wasm"` gives, with both builds inside.
import { Engine } from "./engine.js";
import { embeddedBuild } from "./engine/embedded.js";
import { type LoadOptions, type LoadSyncOptions, loadCore, loadCoreSync } from "./engine/load.js";

export * from "./api.js";

/**
 * An engine on the fastest build this runtime can run.
 * @throws RangeError ERR_NO_SIMD or ERR_NO_RELAXED_SIMD, TypeError ERR_COMPILE or ERR_MODULE
 */
export async function load(options: LoadOptions = {}): Promise<Engine> {
  return Engine.on(await loadCore(options, embeddedBuild));
}

/** As `load`, where the runtime allows compiling on this thread at once (not on the main thread of some browsers). */
export function loadSync(options: LoadSyncOptions = {}): Engine {
  return Engine.on(loadCoreSync(options, embeddedBuild));
}
