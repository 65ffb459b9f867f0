// Which build this runtime can run, and an engine core on it. Nothing happens at import: modules are compiled here.
import blocks from "attention-wasm:builds";
import { show, wrongKind, wrongValue } from "../errors.js";
import { boolean, choice, integer, knownOptions } from "../operand.js";
import { type Build, Core, type EngineInfo } from "./core.js";
import { LinearMemory, MAXIMUM_MEMORY } from "./memory.js";

type ModuleSource = WebAssembly.Module | BufferSource | Response | URL;

/** Options that `load` and `loadSync` share. */
export interface CoreOptions {
  /** `'relaxed'` fuses multiply-adds where the hardware does; `'auto'` (default) takes it where the runtime has it. */
  readonly build?: "auto" | Build;
  /** The simd build: the same bits in every runtime. */
  readonly deterministic?: boolean;
  /** Threads to use; this version runs on one, and `engine.info.reasons.threads` says so when more were asked for. */
  readonly threads?: number | "auto";
  /** Most bytes of linear memory, at least 65536; default 4 GiB. */
  readonly maximumMemory?: number;
}

export interface LoadOptions extends CoreOptions {
  /** One of this package's .wasm files, for hosts that forbid compiling from bytes; else the builds inside are used. */
  readonly module?: ModuleSource | PromiseLike<ModuleSource>;
}

export interface LoadSyncOptions extends CoreOptions {
  readonly module?: WebAssembly.Module | BufferSource;
}

export async function loadCore(options: LoadOptions): Promise<Core> {
  const checked = checkOptions(options);
  const { module } = options;
  if (module !== undefined) return createCore(await compileSource(await module), checked);
  const { bytes, reason } = chooseBytes(checked.build);
  return createCore(await WebAssembly.compile(bytes).catch(compileFailed), checked, reason);
}

export function loadCoreSync(options: LoadSyncOptions): Core {
  const checked = checkOptions(options);
  const { module } = options;
  if (module !== undefined) {
    if (module instanceof WebAssembly.Module) return createCore(module, checked);
    if (isBytes(module)) return createCore(compileSync(module), checked);
    throw wrongKind("ERR_MODULE", `module must be a WebAssembly.Module or its bytes in loadSync: got ${show(module)}`);
  }
  const { bytes, reason } = chooseBytes(checked.build);
  return createCore(compileSync(bytes), checked, reason);
}

interface Checked {
  readonly build: "auto" | Build;
  readonly maximumMemory: number;
  readonly threads: number | "auto";
}

function checkOptions(options: CoreOptions): Checked {
  knownOptions(options, ["build", "deterministic", "threads", "module", "maximumMemory"]);
  const build = choice("build", options.build ?? "auto", ["auto", "simd", "relaxed"]);
  const deterministic = options.deterministic !== undefined && boolean("deterministic", options.deterministic);
  if (deterministic && build === "relaxed") {
    throw wrongValue("ERR_VALUE", "deterministic: true needs the simd build: got build: 'relaxed'");
  }
  const threads = options.threads ?? 1;
  return {
    build: deterministic ? "simd" : build,
    maximumMemory: integer("maximumMemory", options.maximumMemory ?? MAXIMUM_MEMORY, 65536, MAXIMUM_MEMORY),
    threads: threads === "auto" ? threads : integer("threads", threads, 1, 1024),
  };
}

/** The bytes to compile, and why it is not the relaxed build where that could have been. */
function chooseBytes(build: "auto" | Build): { bytes: BufferSource; reason?: string } {
  if (typeof WebAssembly !== "object") throw wrongValue("ERR_NO_SIMD", "this runtime has no WebAssembly");
  if (build !== "simd") {
    const bytes = embedded("relaxed");
    if (WebAssembly.validate(bytes)) return { bytes };
  }
  const reason = "this runtime has no relaxed SIMD";
  if (build === "relaxed") throw wrongValue("ERR_NO_RELAXED_SIMD", `${reason}: use build 'auto' or 'simd'`);
  const bytes = embedded("simd");
  if (!WebAssembly.validate(bytes)) {
    throw wrongValue(
      "ERR_NO_SIMD",
      "this runtime has no WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4, Node 16.4)",
    );
  }
  return build === "auto" ? { bytes, reason } : { bytes };
}

/** The module inside this bundle: hexadecimal, in blocks that alternate with the other build's (docs/decisions/0006). */
function embedded(build: Build): Uint8Array<ArrayBuffer> {
  const digits = blocks.map((block) => block[build]).join("");
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = digit(digits, 2 * i) * 16 + digit(digits, 2 * i + 1);
  return bytes;
}

/** '0' to '9' are 48 to 57, 'a' to 'f' 97 to 102. */
function digit(digits: string, at: number): number {
  const code = digits.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}

function createCore(module: WebAssembly.Module, { maximumMemory, threads }: Checked, relaxed?: string): Core {
  const reasons: EngineInfo["reasons"] = {
    ...(relaxed && { relaxed }),
    ...(threads !== 1 && { threads: "this version runs on one thread" }),
  };
  const memory = new LinearMemory(maximumMemory);
  try {
    return new Core(module, memory, reasons);
  } catch (cause) {
    throw wrongKind(
      "ERR_MODULE",
      "module must be one of this package's .wasm files: it could not be instantiated",
      cause,
    );
  }
}

function isBytes(source: unknown): source is BufferSource {
  return source instanceof ArrayBuffer || ArrayBuffer.isView(source);
}

async function compileSource(source: unknown): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (isBytes(source)) return WebAssembly.compile(source).catch(compileFailed);
  if (source instanceof URL) return compileResponse(await fetch(source), source.href);
  if (typeof Response === "function" && source instanceof Response) return compileResponse(source, source.url);
  throw wrongKind(
    "ERR_MODULE",
    `module must be a WebAssembly.Module, bytes, a Response or a URL, or a promise of one: got ${show(source)}`,
  );
}

async function compileResponse(response: Response, url: string): Promise<WebAssembly.Module> {
  if (!response.ok) throw wrongValue("ERR_MODULE", `module could not be fetched: ${url} answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  // A page served where a .wasm was expected is the usual mishap
  if (bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    const type = response.headers.get("content-type") ?? "no content type";
    throw wrongValue("ERR_MODULE", `module is not WebAssembly: ${url} answered ${bytes.length} bytes of ${type}`);
  }
  return WebAssembly.compile(bytes).catch(compileFailed);
}

function compileSync(bytes: BufferSource): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    return compileFailed(error);
  }
}

function compileFailed(cause: unknown): never {
  throw wrongKind(
    "ERR_COMPILE",
    "this host refuses to compile WebAssembly (a content security policy without 'wasm-unsafe-eval', or an edge runtime), " +
      "or the bytes are not a module: hand over a compiled one as `module`",
    cause,
  );
}
