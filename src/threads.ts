// attention-wasm/threads: the same as the default entry, with the threaded builds and what starts workers.
import { bytes } from "attention-wasm:threaded-builds";
import { Engine } from "./engine.js";
import { embeddedBuild } from "./engine/embedded.js";
import { type LoadOptions, type LoadSyncOptions, loadCore, loadCoreSync, type ThreadSupport } from "./engine/load.js";
import { type ThreadedKernels, Threads } from "./engine/threads.js";
import { processors, whyNoThreads, workerStarter } from "./engine/workers.js";

export * from "./api.js";

const support: ThreadSupport = {
  source: bytes,
  why: whyNoThreads,
  processors,
  gather: (kernels, memory, module, count, factory) =>
    new Threads(kernels as ThreadedKernels, memory, module, count, workerStarter(factory)),
};

/** An engine on `threads` threads; resolves when the workers have joined, or 5 s after they should have. */
export async function load(options: LoadOptions = {}): Promise<Engine> {
  const core = await loadCore(options, embeddedBuild, support);
  await (core.team as Threads | undefined)?.ready();
  return Engine.on(core);
}

/** As `load`, at once: workers join the work as they come up. */
export function loadSync(options: LoadSyncOptions = {}): Engine {
  return Engine.on(loadCoreSync(options, embeddedBuild, support));
}
