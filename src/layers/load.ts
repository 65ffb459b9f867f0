// Getting the layers ready where the first layer cannot do it by itself.
import type { Core } from "../engine/core.js";
import { compileSource, type ModuleSource } from "../engine/load.js";
import { show, wrongKind } from "../errors.js";
import { Engine } from "../engine.js";
import { embeddedLayers } from "./embedded.js";
import { flavour, instantiate, layerKernels } from "./kernels.js";

/** The core of an engine that a caller handed over. */
export function coreOf(engine: unknown): Core {
  if (!(engine instanceof Engine)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `engine must be an Engine, as load() gives: got ${show(engine)}`);
  }
  engine.core.open();
  return engine.core;
}

/**
 * Readies the layers' kernels of an engine ahead of the first layer, which else does it by itself. For browsers that
 * compile nothing at once on the main thread, and for hosts that compile nothing.
 * @param module layers-simd.wasm or layers-relaxed.wasm of this package, as the engine's build is; else the bytes inside
 */
export async function loadLayers(engine: Engine, module?: ModuleSource | PromiseLike<ModuleSource>): Promise<void> {
  const core = coreOf(engine);
  if (module !== undefined) {
    instantiate(core, await compileSource(await module));
    return;
  }
  try {
    layerKernels(core);
  } catch {
    const { build, shared } = flavour(core);
    instantiate(core, await compileSource(embeddedLayers(build, shared)));
  }
}
