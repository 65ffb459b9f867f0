// A worker that computes the chains of bench/assembly/limits.ts on a second core, for as long as the first one does.

/** Of `words`: whether it is to run (1), wait (0) or end (-1), how many turns it made. A cache line each. */
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
  while (Atomics.load(words, run) >= 0) {
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
  startWorker({ module, words, run: RUN, turns: TURNS, steps: STEPS });
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
    // Deno's `terminate` does not end a worker that waits
    end() {
      Atomics.store(words, RUN, -1);
      Atomics.notify(words, RUN);
    },
  };
}

/** A worker of the web, or of Node. */
function startWorker(job) {
  if (typeof Worker === "undefined") {
    const { Worker: NodeWorker } = process.getBuiltinModule("node:worker_threads");
    const text = `(${program})(require("node:worker_threads").workerData)`;
    return new NodeWorker(text, { eval: true, workerData: job }).unref();
  }
  const text = `onmessage = ({ data }) => { (${program})(data); close(); }`;
  const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })), { type: "module" });
  worker.postMessage(job);
}
