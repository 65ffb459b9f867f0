// How each host starts a worker: Web Workers (browsers, Deno, Bun) or Node's. The worker's program is one line.
import { wrongValue } from "../errors.js";

/** What a worker needs: it instantiates the module over the memory and calls `work(queue, index)`. */
export interface WorkerJob {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly queue: number;
  readonly index: number;
}

export interface WorkerHandle {
  terminate(): unknown;
}

/** Starts a worker; `failed` is to be called when it dies. Throws when it cannot. */
export type WorkerStarter = (job: WorkerJob, failed: (reason: string) => void) => WorkerHandle;

const RUN = "new WebAssembly.Instance(module,{env:{memory}}).exports.work(queue,index)";
const WEB_PROGRAM = `onmessage=({data:{module,memory,queue,index}})=>{${RUN};close()}`;
const NODE_PROGRAM = `import{workerData}from"node:worker_threads";const{module,memory,queue,index}=workerData;${RUN}`;

/** What is used of node:worker_threads. */
interface NodeWorkers {
  Worker: new (
    url: URL,
    options: object,
  ) => { unref(): void; terminate(): unknown; on(event: string, listen: (value: unknown) => void): void };
}

type NodeProcess = { getBuiltinModule?: (name: string) => unknown };

function builtin(name: string): unknown {
  return (globalThis as { process?: NodeProcess }).process?.getBuiltinModule?.(name);
}

/** Why this host cannot have threads, or undefined where it can. */
export function whyNoThreads(): string | undefined {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  if (isolated === false)
    return "the page is not cross-origin isolated: it needs the headers COOP: same-origin and COEP: require-corp";
  if (typeof SharedArrayBuffer === "undefined") return "this runtime has no SharedArrayBuffer";
  if (typeof Worker === "undefined" && !builtin("node:worker_threads")) {
    return "this runtime has no workers (Node has them for this from 20.16 on)";
  }
  return undefined;
}

/** Processors, where the host tells. */
export function processors(): number {
  const told = (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency;
  const os = builtin("node:os") as { availableParallelism(): number } | undefined;
  return told ?? os?.availableParallelism() ?? 1;
}

/** The starter of this host, or one around the caller's `workerFactory`. */
export function workerStarter(factory: (() => Worker) | undefined): WorkerStarter {
  if (factory) return (job, failed) => listen(factory(), job, failed);
  if (typeof Worker === "undefined") return startNode;
  return (job, failed) => {
    const url = URL.createObjectURL(new Blob([WEB_PROGRAM], { type: "text/javascript" }));
    return listen(new Worker(url, { type: "module", name: `attention-wasm ${job.index}` }), job, failed);
  };
}

function listen(worker: Worker, job: WorkerJob, failed: (reason: string) => void): WorkerHandle {
  if (typeof worker?.postMessage !== "function") {
    throw wrongValue("ERR_VALUE", "workerFactory must return a Worker");
  }
  worker.onerror = (event) => {
    event.preventDefault?.();
    failed(`worker ${job.index} failed: ${event.message ?? "it could not be loaded"}`);
  };
  (worker as { unref?: () => void }).unref?.();
  worker.postMessage(job);
  return worker;
}

const startNode: WorkerStarter = (job, failed) => {
  const { Worker: NodeWorker } = builtin("node:worker_threads") as NodeWorkers;
  const url = new URL(`data:text/javascript,${encodeURIComponent(NODE_PROGRAM)}`);
  const worker = new NodeWorker(url, { workerData: job, execArgv: [] });
  worker.on("error", (error) => failed(`worker ${job.index} failed: ${(error as Error).message}`));
  worker.on("exit", () => failed(`worker ${job.index} exited`));
  worker.unref();
  return worker;
};
