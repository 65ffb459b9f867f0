// attention-wasm/slim: no WebAssembly inside. The caller hands it over, as a Module, bytes, a Response or a URL.
import { Engine } from "./engine.js";
import { type LoadOptions, type LoadSyncOptions, loadCore, loadCoreSync } from "./engine/load.js";

export * from "./api.js";

type With<O extends { readonly module?: unknown }> = O & { readonly module: NonNullable<O["module"]> };

/** An engine on the module handed over: one of this package's .wasm files. */
export async function load(options: With<LoadOptions>): Promise<Engine> {
  return Engine.on(await loadCore(options ?? {}, none));
}

/** As `load`, at once. */
export function loadSync(options: With<LoadSyncOptions>): Engine {
  return Engine.on(loadCoreSync(options ?? {}, none));
}

function none() {
  return undefined;
}
