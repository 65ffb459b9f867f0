// Prepares one workload in one engine and times it: the same code in a child process and inside a browser page.
// An engine gives jobs: { run() times one call, check() gives the output of one call as [head][row][channel] }.
import { largestError } from "./reference.mjs";

/** A sample repeats short calls until it takes so long, in ms: clocks of browsers tick in steps of up to 0.1 ms. */
const SAMPLE = 20;
/** A call shorter than such a step, in ms, seems to take none at times: so many of them are timed together. */
const TICK = { time: 0.1, calls: 200 };
/** V8's helper threads go on sweeping after a collection, on cores that a second thread is to compute on: ms for that. */
const SWEPT = 5;
/** Warming up: so many calls and so many ms; calls that take long are not repeated for it. */
const WARM = { calls: 3, time: 300, long: 1500 };

/** An engine cannot be asked for this; the reason goes into the table. */
export class NotOffered extends Error {}

/** Checks and warms up a job; { error, ms: of a call, after the one that was checked, repeats: calls of a sample }. */
export async function warmUp(job, workload, reference, rows) {
  const got = await job.check();
  const error = largestError(got, reference, rows, workload.dim);
  if (!(error <= workload.tolerance)) throw new Error(`its result is not that of float64: it differs by ${error}`);
  // The first call of some peers takes ten times as long as the next: it is never their time
  let ms = await sample(job, 1);
  if (ms < WARM.long) {
    const end = performance.now() + WARM.time;
    for (let calls = 0; calls < WARM.calls || performance.now() < end; calls++) {
      const before = performance.now();
      await job.run();
      ms = Math.min(ms, performance.now() - before);
      if (ms > SAMPLE && calls >= WARM.calls && performance.now() > end - WARM.time / 2) break;
    }
  }
  if (ms < TICK.time) ms = await sample(job, TICK.calls);
  return { error, ms, repeats: Math.max(1, Math.ceil(SAMPLE / Math.max(ms, 1e-4))) };
}

/** One sample: ms of a call. Garbage of earlier samples is not in it. */
export async function sample(job, repeats) {
  if (globalThis.gc) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, SWEPT));
  }
  const started = performance.now();
  for (let i = 0; i < repeats; i++) {
    const pending = job.run();
    if (pending) await pending;
  }
  return (performance.now() - started) / repeats;
}
