// What every operation runs on: one memory, the kernels over it, and the bookkeeping of a call.
import { wrongKind } from "../errors.js";
import { attentionParameters, type Layout, WORKSPACE_HEADER } from "./abi.generated.js";
import { type Fields, instantiateKernels, type Kernels, writeBlock } from "./kernels.js";
import { aligned, type LinearMemory, type MemoryInfo } from "./memory.js";

export type Build = "simd" | "relaxed";

/** What the engine runs on, and why a wish could not be met. */
export interface EngineInfo {
  readonly build: Build;
  readonly threads: number;
  readonly memory: MemoryInfo;
  readonly reasons: { readonly relaxed?: string; readonly threads?: string };
}

export type Operation = "forward" | "weights";

/** How an operation is computed, which follows from its parameters other than addresses. */
export interface Job {
  readonly operation: Operation;
  /** Multiply-adds, about. */
  readonly work: number;
  readonly tiles: number;
  readonly partialBytes: number;
  /** Of one thread. */
  readonly scratchBytes: number;
}

/** Threads that share the tiles of a call; in src/engine/threads.ts, which the default import does not contain. */
export interface Team {
  /** Threads that take part now, the caller's among them. */
  readonly count: number;
  /** Why there are fewer than were asked for. */
  readonly reason: string | undefined;
  run(scope: CallScope, operation: Operation, parameters: number, tiles: number, scratchBytes: number): void;
  stop(): void;
}

/** Why a wish could not be met, where one could not. */
type Reasons = { readonly [K in keyof EngineInfo["reasons"]]: string | undefined };

interface Parts {
  readonly kernels: Kernels;
  readonly memory: LinearMemory;
  readonly team: Team | undefined;
}

/**
 * Multiply-adds below which no other thread is woken. With twice as many, two threads are 1.5 times as fast where calls follow
 * one another, and take a third longer after a pause (docs/kernels.md, "Two threads").
 */
const WORTH_WAKING = 1e6;

export class Core {
  /**
   * For calls inside which no other runs. Kept: V8 throws away the code for a class that has no instance when it collects
   * all garbage (docs/kernels.md).
   */
  readonly scope: CallScope = new CallScope(this);
  readonly #reasons: Reasons;
  /** Absent once closed, so that the runtime can reclaim the memory. */
  #parts: Parts | undefined;

  constructor(module: WebAssembly.Module, memory: LinearMemory, reasons: Reasons, gather?: (kernels: Kernels) => Team) {
    const kernels = instantiateKernels(module, memory.memory);
    this.#parts = { kernels, memory, team: gather?.(kernels) };
    this.#reasons = reasons;
  }

  get kernels(): Kernels {
    return this.open().kernels;
  }

  get memory(): LinearMemory {
    return this.open().memory;
  }

  get team(): Team | undefined {
    return this.open().team;
  }

  get closed(): boolean {
    return this.#parts === undefined;
  }

  close(): void {
    this.#parts?.team?.stop();
    this.#parts = undefined;
  }

  get info(): EngineInfo {
    const { kernels, memory, team } = this.open();
    const { relaxed } = this.#reasons;
    const threads = team ? team.reason : this.#reasons.threads;
    return {
      build: kernels.relaxed() ? "relaxed" : "simd",
      threads: team?.count ?? 1,
      memory: memory.info,
      reasons: { ...(relaxed && { relaxed }), ...(threads && { threads }) },
    };
  }

  /** Throws ERR_CLOSED once the engine is closed. */
  open(): Parts {
    if (!this.#parts) throw wrongKind("ERR_CLOSED", "the engine is closed: load another one");
    return this.#parts;
  }

  job(scope: CallScope, operation: Operation, parameters: number, work: number): Job {
    const { kernels } = this.open();
    const forward = operation === "forward";
    return {
      operation,
      work,
      tiles: forward ? kernels.attentionTiles(parameters) : kernels.weightTiles(parameters),
      partialBytes: forward ? kernels.attentionPartials(parameters) >>> 0 : 0,
      scratchBytes: kernels.attentionScratch(parameters, scope.allocate(WORKSPACE_HEADER)) >>> 0,
    };
  }

  /** Computes all tiles of a job, on all threads where that is worth waking them. */
  compute(scope: CallScope, parameters: number, { operation, work, tiles, partialBytes, scratchBytes }: Job): void {
    const { kernels, memory, team } = this.open();
    if (partialBytes > 0) {
      const partials = scope.allocate(partialBytes);
      memory.words[(parameters >>> 2) + attentionParameters.integers.partials] = partials;
    }
    if (team && tiles > 1 && work > WORTH_WAKING) {
      team.run(scope, operation, parameters, tiles, scratchBytes);
      if (partialBytes > 0) kernels.attentionFinish(parameters, scope.allocate(scratchBytes));
      return;
    }
    const scratch = scope.allocate(scratchBytes);
    if (operation === "forward") kernels.attentionForward(parameters, 0, tiles, scratch);
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
  readonly #temporaries: { address: number; bytes: number }[] = [];
  readonly #undos: (() => void)[] = [];
  /** What was reserved, and what is left of it. */
  #reserved = 0;
  #next = 0;
  #left = 0;

  constructor(core: Core) {
    this.core = core;
  }

  /** Allocates at once what the next calls of `allocate` ask for: so many bytes, each of them rounded up by `aligned`. */
  reserve(bytes: number): void {
    this.#next = this.core.memory.allocate(bytes);
    this.#left = this.#reserved = bytes;
  }

  /** Address of `bytes` bytes that are freed at the end of the call. */
  allocate(bytes: number): number {
    const size = aligned(bytes);
    let address = this.#next;
    if (size <= this.#left) {
      this.#next += size;
      this.#left -= size;
    } else {
      address = this.core.memory.allocate(bytes);
      this.#temporaries.push({ address, bytes });
    }
    return address;
  }

  /** Address of a copy of a host array. */
  copyIn(data: ArrayBufferView): number {
    const address = this.allocate(data.byteLength);
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.core.memory.bytes.set(bytes, address);
    return address;
  }

  /** Address of a parameter block with these fields. */
  block<L extends Layout>(layout: L, fields: Fields<L>): number {
    const address = this.allocate(layout.words * 4);
    writeBlock(this.core.memory, address, layout, fields);
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
    const { memory } = this.core;
    // The last first: each joins what is free after it
    if (this.#reserved > 0) memory.free(this.#next + this.#left - this.#reserved, this.#reserved);
    this.#reserved = this.#left = 0;
    for (let last = this.#temporaries.pop(); last; last = this.#temporaries.pop())
      memory.free(last.address, last.bytes);
  }
}
