// Worker threads over the engine's memory. The caller computes tiles too and never sleeps; a worker that dies costs
// time, not results: its tiles are computed again. How jobs are shared is in assembly/parallel/workers.ts.
import {
  jobQueue,
  OPERATION_FORWARD,
  OPERATION_WEIGHTS,
  SLOT_BYTES,
  WORKER_ABSENT,
  WORKER_GONE,
} from "./abi.generated.js";
import type { CallScope, Operation, Team } from "./core.js";
import type { Kernels } from "./kernels.js";
import type { LinearMemory } from "./memory.js";
import type { WorkerHandle, WorkerStarter } from "./workers.js";

/** What threaded builds export besides. */
export interface ThreadedKernels extends Kernels {
  openJob(queue: number): void;
  takeTiles(queue: number, worker: number): void;
  computeTile(queue: number, worker: number, tile: number): void;
  closeJob(queue: number): void;
  busyWorker(queue: number, n: number, looks: number): number;
  stopWorkers(queue: number): void;
}

const OPERATIONS = { forward: OPERATION_FORWARD, weights: OPERATION_WEIGHTS };
/** Looks at the slots between two looks at the clock. */
const LOOKS = 100_000;
/** A worker is given up this long after the caller ran out of tiles, in ms, or ten times as long as it took. */
const PATIENCE = 1000;
/** How long `ready` waits for workers to start, in ms. */
const START_LIMIT = 5000;

export class Threads implements Team {
  readonly #kernels: ThreadedKernels;
  readonly #memory: LinearMemory;
  readonly #queue: number;
  readonly #workers: WorkerHandle[] = [];
  readonly #wanted: number;
  #reason: string | undefined;

  /** Starts count - 1 workers; they join as they come up. */
  constructor(
    kernels: ThreadedKernels,
    memory: LinearMemory,
    module: WebAssembly.Module,
    count: number,
    start: WorkerStarter,
  ) {
    this.#kernels = kernels;
    this.#memory = memory;
    this.#wanted = count;
    this.#queue = memory.allocate(count * SLOT_BYTES);
    this.#words(this.#queue, (count * SLOT_BYTES) / 4).fill(WORKER_ABSENT);
    for (let index = 1; index < count; index++) {
      const failed = (reason: string) => this.#lose(index, reason);
      try {
        this.#workers.push(start({ module, memory: memory.memory, queue: this.#queue, index }, failed));
      } catch (error) {
        this.#reason = `workers could not be started: ${(error as Error).message}`;
        break;
      }
    }
  }

  /** Threads that take part now, the caller's among them. */
  get count(): number {
    return 1 + this.#workers.filter((_, i) => this.#joined(i + 1)).length;
  }

  /** Why there are fewer than were asked for. */
  get reason(): string | undefined {
    if (this.count === this.#wanted) return undefined;
    return this.#reason ?? `${this.#wanted - this.count} of ${this.#wanted - 1} workers have not started yet`;
  }

  /** Resolves once every worker has joined, or has had its time. */
  async ready(): Promise<void> {
    const started = performance.now();
    while (this.#reason === undefined && this.count < this.#wanted) {
      if (performance.now() - started > START_LIMIT) {
        this.#reason = `${this.#wanted - this.count} of ${this.#wanted - 1} workers did not start in ${START_LIMIT} ms`;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Computes all tiles of an operation. */
  run(scope: CallScope, operation: Operation, parameters: number, tiles: number, scratchBytes: number): void {
    const kernels = this.#kernels;
    const queue = this.#queue;
    const places = jobQueue.integers;
    const slots = this.#workers.length + 1;
    const scratch = scope.allocate(scratchBytes * slots);
    const words = this.#words(queue, jobQueue.words);
    words[places.operation] = OPERATIONS[operation];
    words[places.parameters] = parameters;
    words[places.tiles] = tiles;
    words[places.threads] = slots;
    words[places.scratch] = scratch;
    words[places.scratchBytes] = scratchBytes;
    const started = performance.now();
    kernels.openJob(queue);
    kernels.takeTiles(queue, 0);
    kernels.closeJob(queue);
    const finished = performance.now();
    const patience = Math.max(PATIENCE, 10 * (finished - started));
    for (;;) {
      const worker = kernels.busyWorker(queue, slots - 1, LOOKS);
      if (worker === 0) return;
      if (performance.now() - finished < patience) continue;
      const slot = this.#slot(worker);
      this.#lose(worker, `worker ${worker} did not finish a tile in ${Math.round(patience)} ms and was ended`);
      for (let tile = slot[places.tile]!; tile >= slot[places.last]!; tile--) kernels.computeTile(queue, 0, tile);
    }
  }

  /** Ends all workers. */
  stop(): void {
    this.#kernels.stopWorkers(this.#queue);
    for (const worker of this.#workers) worker.terminate();
  }

  #lose(index: number, reason: string): void {
    this.#reason ??= reason;
    Atomics.store(this.#slot(index), 0, WORKER_GONE);
    this.#workers[index - 1]?.terminate();
  }

  #joined(index: number): boolean {
    const state = Atomics.load(this.#slot(index), 0);
    return state !== WORKER_ABSENT && state !== WORKER_GONE;
  }

  #slot(index: number): Int32Array {
    return this.#words(this.#queue + index * SLOT_BYTES, jobQueue.words);
  }

  #words(address: number, length: number): Int32Array {
    return new Int32Array(this.#memory.memory.buffer, address, length);
  }
}
