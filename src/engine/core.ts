// What every operation runs on: one memory, the kernels over it, and the bookkeeping of a call.
import { wrongKind } from "../errors.js";
import { attentionParameters, type Layout, WORKSPACE_HEADER } from "./abi.generated.js";
import { type Fields, instantiateKernels, type Kernels, writeBlock } from "./kernels.js";
import type { LinearMemory, MemoryInfo } from "./memory.js";

export type Build = "simd" | "relaxed";

/** What the engine runs on, and why a wish could not be met. */
export interface EngineInfo {
  readonly build: Build;
  readonly threads: number;
  readonly memory: MemoryInfo;
  readonly reasons: { readonly relaxed?: string; readonly threads?: string };
}

export type Operation = "forward" | "weights";

/** Threads that share the tiles of a call; in src/engine/threads.ts, which the default import does not contain. */
export interface Team {
  /** Threads that take part now, the caller's among them. */
  readonly count: number;
  /** Why there are fewer than were asked for. */
  readonly reason: string | undefined;
  run(scope: CallScope, operation: Operation, parameters: number, tiles: number, scratchBytes: number): void;
  stop(): void;
}

interface Parts {
  readonly kernels: Kernels;
  readonly memory: LinearMemory;
  readonly team: Team | undefined;
}

/** Multiply-adds below which no other thread is woken: an estimate, not yet measured. */
const WORTH_WAKING = 1e6;

export class Core {
  readonly #reasons: EngineInfo["reasons"];
  /** Absent once closed, so that the runtime can reclaim the memory. */
  #parts: Parts | undefined;

  constructor(
    module: WebAssembly.Module,
    memory: LinearMemory,
    reasons: EngineInfo["reasons"],
    gather?: (kernels: Kernels) => Team,
  ) {
    const kernels = instantiateKernels(module, memory.memory);
    this.#parts = { kernels, memory, team: gather?.(kernels) };
    this.#reasons = reasons;
  }

  get kernels(): Kernels {
    return this.#open().kernels;
  }

  get memory(): LinearMemory {
    return this.#open().memory;
  }

  get team(): Team | undefined {
    return this.#open().team;
  }

  get closed(): boolean {
    return this.#parts === undefined;
  }

  close(): void {
    this.#parts?.team?.stop();
    this.#parts = undefined;
  }

  get info(): EngineInfo {
    const { kernels, memory, team } = this.#open();
    const threads = team ? team.reason : this.#reasons.threads;
    return {
      build: kernels.relaxed() ? "relaxed" : "simd",
      threads: team?.count ?? 1,
      memory: memory.info,
      reasons: { ...(this.#reasons.relaxed && { relaxed: this.#reasons.relaxed }), ...(threads && { threads }) },
    };
  }

  /** Throws ERR_CLOSED once the engine is closed. */
  open(): void {
    this.#open();
  }

  #open(): Parts {
    if (!this.#parts) throw wrongKind("ERR_CLOSED", "the engine is closed: load another one");
    return this.#parts;
  }

  /**
   * Computes all tiles of an operation, on all threads where that is worth waking them.
   * @param work multiply-adds, about
   */
  compute(scope: CallScope, operation: Operation, parameters: number, work: number): void {
    const { kernels, team } = this.#open();
    const forward = operation === "forward";
    const tiles = forward ? kernels.attentionTiles(parameters) : kernels.weightTiles(parameters);
    const partialBytes = forward ? kernels.attentionPartials(parameters) >>> 0 : 0;
    if (partialBytes > 0) {
      const partials = scope.allocate(partialBytes);
      const words = new Uint32Array(this.memory.memory.buffer, parameters, attentionParameters.words);
      words[attentionParameters.integers.partials] = partials;
    }
    const scratchBytes = kernels.attentionScratch(parameters, scope.allocate(WORKSPACE_HEADER)) >>> 0;
    if (team && tiles > 1 && work > WORTH_WAKING) {
      team.run(scope, operation, parameters, tiles, scratchBytes);
      if (partialBytes > 0) kernels.attentionFinish(parameters, scope.allocate(scratchBytes));
      return;
    }
    const scratch = scope.allocate(scratchBytes);
    if (forward) kernels.attentionForward(parameters, 0, tiles, scratch);
    else kernels.attentionWeights(parameters, 0, tiles, scratch);
    if (partialBytes > 0) kernels.attentionFinish(parameters, scratch);
  }

  /** Runs `call` with a scope whose temporaries are freed when it ends, however it ends. */
  call<T>(call: (scope: CallScope) => T): T {
    this.open();
    const scope = new CallScope(this);
    try {
      return call(scope);
    } catch (error) {
      scope.fail();
      throw error;
    } finally {
      scope.end();
    }
  }
}

/** Memory that lives as long as one call. */
export class CallScope {
  readonly core: Core;
  #temporaries: number[] = [];
  #undos: (() => void)[] = [];

  constructor(core: Core) {
    this.core = core;
  }

  /** Address of `bytes` bytes that are freed at the end of the call. */
  allocate(bytes: number): number {
    const address = this.core.memory.allocate(bytes);
    this.#temporaries.push(address);
    return address;
  }

  /** Address of a copy of a host array. */
  copyIn(data: ArrayBufferView): number {
    const address = this.allocate(data.byteLength);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.core.memory.memory.buffer, address, data.byteLength).set(bytes);
    return address;
  }

  /** Address of a parameter block with these fields. */
  block<L extends Layout>(layout: L, fields: Fields<L>): number {
    const address = this.allocate(layout.words * 4);
    writeBlock(this.core.memory.memory, address, layout, fields);
    return address;
  }

  /** Has something undone should the call fail. */
  undo(action: () => void): void {
    this.#undos.push(action);
  }

  fail(): void {
    for (const action of this.#undos) action();
  }

  end(): void {
    for (const address of this.#temporaries) this.core.memory.free(address);
  }
}
