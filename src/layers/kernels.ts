// The layers' own kernels over an engine's memory: compiled and instantiated on first use, once per engine.
import type { Build, Core } from "../engine/core.js";
import { compileSync } from "../engine/load.js";
import { wrongKind } from "../errors.js";
import { embeddedLayers } from "./embedded.js";

/** The exports of assembly/layers/index.ts as the host calls them. */
export interface LayerKernels {
  gemm(parameters: number): void;
  gemmScratch(parameters: number): number;
  packedBytes(depth: number, columns: number): number;
  packMatrix(from: number, stride: number, kind: number, depth: number, columns: number, to: number): void;
  convolve(image: number, product: number): void;
  pool(parameters: number): void;
  recur(parameters: number): void;
  attendLinearly(parameters: number): void;
  convolveCausally(parameters: number): void;
  normalize(parameters: number): void;
  softmaxRows(
    from: number,
    fromRow: number,
    to: number,
    rows: number,
    n: number,
    logarithm: number,
    constants: number,
  ): void;
  activate(kind: number, from: number, to: number, n: number, alpha: number, constants: number): void;
  combineRows(
    kind: number,
    a: number,
    aRow: number,
    b: number,
    bRow: number,
    to: number,
    toRow: number,
    rows: number,
    n: number,
    alpha: number,
    constants: number,
  ): void;
  copyStrided(parameters: number): void;
  gatherRows(table: number, size: number, indices: number, n: number, to: number): void;
  widenRow(from: number, to: number, n: number, dtype: number): void;
  narrowRow(from: number, to: number, n: number, dtype: number): void;
  relaxed(): number;
}

/** Modules that a host which forbids compiling has imported; or undefined. */
export type ModuleSource = (build: Build) => WebAssembly.Module | undefined;

let imported: ModuleSource | undefined;
const instances = new WeakMap<Core, LayerKernels>();

/** Has modules taken from an entry point that imports them, instead of compiling the bytes inside. */
export function importedModules(source: ModuleSource): void {
  imported = source;
}

/** The build whose layers go with the engine, and whether its memory is shared among threads. */
export function flavour(core: Core): { build: Build; shared: boolean } {
  const { buffer } = core.memory.memory;
  const shared = typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
  return { build: core.kernels.relaxed() ? "relaxed" : "simd", shared };
}

/** The engine's layer kernels; throws ERR_COMPILE where the host refuses to compile them. */
export function layerKernels(core: Core): LayerKernels {
  core.open();
  return instances.get(core) ?? instantiate(core, compile(core));
}

function compile(core: Core): WebAssembly.Module {
  const { build, shared } = flavour(core);
  const module = shared ? undefined : imported?.(build);
  if (module) return module;
  try {
    return compileSync(embeddedLayers(build, shared));
  } catch (cause) {
    throw wrongKind(
      "ERR_COMPILE",
      "this host refuses to compile the layers at once: await loadLayers(engine) before the first layer, or " +
        `loadLayers(engine, module) with a compiled attention-wasm/layers-${build}.wasm (${(cause as Error).message})`,
      { cause },
    );
  }
}

/** @internal Instantiates a module over the engine's memory; throws ERR_MODULE where it is none of ours. */
export function instantiate(core: Core, module: WebAssembly.Module): LayerKernels {
  let kernels: LayerKernels;
  try {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: core.memory.memory } });
    kernels = exports as unknown as LayerKernels;
  } catch (cause) {
    throw wrongKind("ERR_MODULE", "module must be this package's layers-simd.wasm or layers-relaxed.wasm", { cause });
  }
  if (typeof kernels.gemm !== "function") {
    throw wrongKind("ERR_MODULE", "module must be this package's layers-simd.wasm or layers-relaxed.wasm");
  }
  const { build } = flavour(core);
  if ((kernels.relaxed() === 1) !== (build === "relaxed")) {
    throw wrongKind("ERR_MODULE", `module must be layers-${build}.wasm, as the engine runs the ${build} build`);
  }
  instances.set(core, kernels);
  return kernels;
}
