// A worker that computes the chains of bench/assembly/limits.ts on a second core, for as long as the first one does.

/** Of `words`: whether it is to run, how many turns it made. A cache line each. */
const RUN = 0;
const TURNS = 16;
/** Steps of `chains` in a turn, about 4 microseconds. */
const STEPS = 2000;
/** ms until it must be there. */
const LIMIT = 5000;

/** The worker's program, as text: it sees nothing but its job. */
const program = ({ module, words, run, turns, steps }) => {
  const { chains } = new WebAssembly.Instance(module).exports;
  for (const end = performance.now() + 300; performance.now() < end; ) chains(steps, 0.5);
  Atomics.store(words, turns, 1);
  for (;;) {
    Atomics.wait(words, run, 0);
    while (Atomics.load(words, run) === 1) {
      chains(steps, 0.5);
      Atomics.add(words, turns, 1);
    }
  }
};

/** { start, stop, steps: how many were made so far, end }, or undefined where no worker comes up. */
export async function startSecondCore(module) {
  const words = new Int32Array(new SharedArrayBuffer(128));
  const worker = startWorker({ module, words, run: RUN, turns: TURNS, steps: STEPS });
  for (const end = performance.now() + LIMIT; Atomics.load(words, TURNS) === 0; ) {
    if (performance.now() > end) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const turns = () => Atomics.load(words, TURNS);
  return {
    start() {
      const before = turns();
      Atomics.store(words, RUN, 1);
      Atomics.notify(words, RUN);
      while (turns() === before);
    },
    stop: () => Atomics.store(words, RUN, 0),
    steps: () => turns() * STEPS,
    end: () => worker.terminate(),
  };
}

/** A worker of the web, or of Node. */
function startWorker(job) {
  if (typeof Worker === "undefined") {
    const { Worker: NodeWorker } = process.getBuiltinModule("node:worker_threads");
    const text = `(${program})(require("node:worker_threads").workerData)`;
    const worker = new NodeWorker(text, { eval: true, workerData: job });
    worker.unref();
    return worker;
  }
  const text = `onmessage = ({ data }) => (${program})(data)`;
  const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })), { type: "module" });
  worker.postMessage(job);
  return worker;
}
