// Which build this runtime can run, and an engine core on it. Nothing happens at import: modules are compiled here.
import { show, wrongKind, wrongValue } from "../errors.js";
import { boolean, choice, integer, knownOptions } from "../checks.js";
import { type Build, Core, type Team } from "./core.js";
import type { Kernels } from "./kernels.js";
import { LinearMemory, MAXIMUM_MEMORY } from "./memory.js";

export type ModuleSource = WebAssembly.Module | BufferSource | Response | URL;

/** Options that `load` and `loadSync` share. */
export interface CoreOptions {
  /** `'relaxed'` fuses multiply-adds where the hardware does; `'auto'` (default) takes it where the runtime has it. */
  readonly build?: "auto" | Build;
  /** The simd build: the same bits in every runtime. */
  readonly deterministic?: boolean;
  /**
   * Threads, the calling one among them; default 1, `'auto'` = processors. More than one only with `load` from
   * `attention-wasm/threads`; where they cannot be had, `engine.info.reasons.threads` says why and one does the work.
   */
  readonly threads?: number | "auto";
  /** Starts a module worker of yours for hosts that must create their own; see docs/threads.md. */
  readonly workerFactory?: () => Worker;
  /** Most bytes of linear memory, at least 65536; default and most 4 GiB less a page; with threads the default is 1 GiB. */
  readonly maximumMemory?: number;
}

export interface LoadOptions extends CoreOptions {
  /** One of this package's .wasm files, for hosts that forbid compiling from bytes; else the builds inside are used. */
  readonly module?: ModuleSource | PromiseLike<ModuleSource>;
}

export interface LoadSyncOptions extends CoreOptions {
  readonly module?: WebAssembly.Module | BufferSource;
}

/** Where an entry point of the package has its builds: their bytes, compiled modules, or undefined where it has none. */
export type BuildSource = (build: Build) => BufferSource | WebAssembly.Module | undefined;

/** What `attention-wasm/threads` adds. */
export interface ThreadSupport {
  readonly source: BuildSource;
  /** Why this host cannot have threads, or undefined. */
  why(): string | undefined;
  processors(): number;
  gather(
    kernels: Kernels,
    memory: LinearMemory,
    module: WebAssembly.Module,
    count: number,
    factory: (() => Worker) | undefined,
  ): Team;
}

export async function loadCore(options: LoadOptions, single: BuildSource, support?: ThreadSupport): Promise<Core> {
  const checked = checkOptions(options, single, support);
  const { module = chooseBuild(checked) } = options;
  return createCore(await compileSource(await module), checked);
}

export function loadCoreSync(options: LoadSyncOptions, single: BuildSource, support?: ThreadSupport): Core {
  const checked = checkOptions(options, single, support);
  const { module = chooseBuild(checked) } = options;
  if (!isModule(module) && !isBytes(module)) {
    throw wrongKind("ERR_MODULE", `module must be a WebAssembly.Module or its bytes in loadSync: got ${show(module)}`);
  }
  return createCore(compileSync(module), checked);
}

interface Checked {
  readonly build: "auto" | Build;
  readonly maximumMemory: number | undefined;
  readonly source: BuildSource;
  /** More than 1 only together with `support`. */
  readonly threads: number;
  readonly support: ThreadSupport | undefined;
  readonly workerFactory: (() => Worker) | undefined;
  /** Why a wish cannot be met, as far as that is known. */
  readonly reasons: { relaxed?: string; threads?: string | undefined };
}

const OPTIONS = ["build", "deterministic", "threads", "workerFactory", "module", "maximumMemory"];

function checkOptions(options: CoreOptions, single: BuildSource, support: ThreadSupport | undefined): Checked {
  knownOptions(options, OPTIONS);
  const build = choice("build", options.build ?? "auto", ["auto", "simd", "relaxed"]);
  const deterministic = options.deterministic !== undefined && boolean("deterministic", options.deterministic);
  if (deterministic && build === "relaxed") {
    throw wrongValue("ERR_VALUE", "deterministic: true needs the simd build: got build: 'relaxed'");
  }
  const { maximumMemory, workerFactory } = options;
  if (workerFactory !== undefined && typeof workerFactory !== "function") {
    throw wrongKind("ERR_ARGUMENT_TYPE", `workerFactory must be a function: got ${show(workerFactory)}`);
  }
  const threads =
    options.threads === "auto" ? (support?.processors() ?? 2) : integer("threads", options.threads ?? 1, 1, 1024);
  const why = support ? support.why() : "threads need `load` from 'attention-wasm/threads'";
  const several = threads > 1 && why === undefined;
  return {
    build: deterministic ? "simd" : build,
    maximumMemory:
      maximumMemory === undefined ? undefined : integer("maximumMemory", maximumMemory, 65536, MAXIMUM_MEMORY),
    source: several && support ? support.source : single,
    threads: several ? threads : 1,
    support: several ? support : undefined,
    workerFactory,
    reasons: { threads: threads > 1 ? why : undefined },
  };
}

/** The build to run; `reasons` gets why it is not the relaxed one where that could have been. */
function chooseBuild({ build, source, reasons }: Checked): BufferSource | WebAssembly.Module {
  if (typeof WebAssembly !== "object") throw wrongValue("ERR_NO_SIMD", "this runtime has no WebAssembly");
  const relaxed = build === "simd" ? undefined : source("relaxed");
  if (relaxed !== undefined && runs(relaxed)) return relaxed;
  const reason = relaxed ? "this runtime has no relaxed SIMD" : "this entry point has no relaxed build";
  if (build === "relaxed") throw wrongValue("ERR_NO_RELAXED_SIMD", `${reason}: use build 'auto' or 'simd'`);
  const simd = source("simd");
  if (simd === undefined) {
    throw wrongKind(
      "ERR_MODULE",
      "attention-wasm/slim has no WebAssembly inside: hand over attention-wasm/simd.wasm as `module`",
    );
  }
  if (!runs(simd)) {
    throw wrongValue(
      "ERR_NO_SIMD",
      "this runtime has no WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4 and Node 16.4 brought it)",
    );
  }
  if (build === "auto") reasons.relaxed = reason;
  return simd;
}

/**
 * Whether this runtime knows every instruction; what is compiled already has shown it. Hosts that forbid compiling mostly still
 * tell.
 */
function runs(code: BufferSource | WebAssembly.Module): boolean {
  try {
    return isModule(code) || WebAssembly.validate(code as BufferSource);
  } catch {
    return true;
  }
}

/** Room for one engine among others where memory is shared: some hosts reserve all of it at once. */
const SHARED_MEMORY = 2 ** 30;

function createCore(module: WebAssembly.Module, checked: Checked): Core {
  const { threads, support, workerFactory, reasons } = checked;
  const threaded = WebAssembly.Module.exports(module).some(({ name }) => name === "work");
  if (support && !threaded) reasons.threads = "module is not one of the threaded builds";
  const memory = new LinearMemory(checked.maximumMemory ?? (threaded ? SHARED_MEMORY : MAXIMUM_MEMORY), threaded);
  const gather =
    support && threaded
      ? (kernels: Kernels) => support.gather(kernels, memory, module, threads, workerFactory)
      : undefined;
  let core: Core;
  try {
    core = new Core(module, memory, reasons, gather);
  } catch (cause) {
    const message = "module must be one of this package's .wasm files: it could not be instantiated";
    throw wrongKind("ERR_MODULE", message, { cause });
  }
  const { build } = core.info;
  if (checked.build !== "auto" && build !== checked.build) {
    core.close();
    throw wrongValue(
      "ERR_MODULE",
      `module must be the ${checked.build} build that was asked for: it is the ${build} build`,
    );
  }
  return core;
}

/** Also a module of another realm, as edge runtimes hand over. */
function isModule(source: unknown): boolean {
  return Object(source)[Symbol.toStringTag] === "WebAssembly.Module";
}

function isBytes(source: unknown): source is BufferSource {
  return source instanceof ArrayBuffer || ArrayBuffer.isView(source);
}

/** Compiles whatever a caller may hand over as a module. */
export async function compileSource(source: unknown): Promise<WebAssembly.Module> {
  if (isModule(source)) return source as WebAssembly.Module;
  if (isBytes(source)) {
    // At once, which is ten times as fast for a few kilobytes as by way of a thread; old Chrome refuses that on a page
    try {
      return compileSync(source);
    } catch {
      return WebAssembly.compile(source).catch((cause) => compileFailed(cause, source));
    }
  }
  if (typeof URL === "function" && source instanceof URL) {
    return compileResponse(await fetchModule(source), source.href);
  }
  if (typeof Response === "function" && source instanceof Response) return compileResponse(source, source.url);
  throw wrongKind(
    "ERR_MODULE",
    `module must be a WebAssembly.Module, bytes, a Response or a URL, or a promise of one: got ${show(source)}`,
  );
}

function fetchModule(url: URL): Promise<Response> {
  return fetch(url).catch((cause) => {
    const advice = url.protocol === "file:" ? "; read files yourself and hand over their bytes" : "";
    throw wrongKind("ERR_MODULE", `module could not be fetched: ${url.href} (${cause.message})${advice}`, { cause });
  });
}

async function compileResponse(response: Response, url: string): Promise<WebAssembly.Module> {
  if (!response.ok) throw wrongValue("ERR_MODULE", `module could not be fetched: ${url} answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  // A page served where a .wasm was expected is the usual mishap
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "\0asm") {
    const type = response.headers.get("content-type") ?? "no content type";
    throw wrongValue("ERR_MODULE", `module is not WebAssembly: ${url} answered ${bytes.length} bytes of ${type}`);
  }
  return compileSource(bytes);
}

export function compileSync(source: BufferSource | WebAssembly.Module): WebAssembly.Module {
  if (isModule(source)) return source as WebAssembly.Module;
  try {
    return new WebAssembly.Module(source as BufferSource);
  } catch (error) {
    return compileFailed(error, source as BufferSource);
  }
}

function compileFailed(cause: unknown, bytes: BufferSource): never {
  const message = runs(bytes)
    ? "this host refuses to compile WebAssembly: allow 'wasm-unsafe-eval' in the script-src of its content security policy, " +
      "or hand over a compiled one as `module` (edge runtimes give one for an import of attention-wasm/simd.wasm)"
    : "module is damaged, or has instructions this runtime does not know (relaxed SIMD?): simd.wasm may do";
  throw wrongKind("ERR_COMPILE", `${message} (${(cause as Error)?.message})`, { cause });
}
