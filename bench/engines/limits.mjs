// The limits that shares are shares of, measured between the engines in every round: what the machine can do, in the best of a
// few calls, and what it did on average in the 20 ms that a sample of an engine takes at least.

/** About 4 ms. */
const STEPS = 2e6;
const CALLS = 5;
const SHORT = 1e5;
/** Floating-point operations of a step of `chains`. */
const FLOPS = 96;
/** Bytes read: more than any cache holds. */
const READ = 256 * 2 ** 20;
const READS = 3;
const PAGE = 65536;
/** How far ahead pages are looked up. */
const AHEAD = 16384;

/** About 1 ms. */
const ADDED = 1e6;

/** @returns () => how many additions a ns the core makes on which this runs, in the best of a few calls */
export function additionsOf(module) {
  const { additions } = new WebAssembly.Instance(module).exports;
  let steps = 0;
  const add = (n) => {
    additions(n, 1);
    steps += n;
  };
  for (const end = performance.now() + 100; performance.now() < end; ) add(SHORT);
  const once = () => add(ADDED);
  return () => (8 * rates(CALLS, once, () => steps).best) / 1e6;
}

/**
 * @param module bench/assembly/limits.ts; its memory is its own
 * @param second of second-core.mjs, where there is one
 * @returns () => of one core `multiplyAdd` and `average` in GFLOP/s, `plainRead` in GB/s, and `read`, which is of the faster of
 *   a plain sum and one of two halves side by side; where there is a second core, of both at once `twoCores` and `twoCoresAverage`
 */
export function limitsOf(module, second) {
  const { chains, write, sum, sumSideBySide, memory } = new WebAssembly.Instance(module).exports;
  const begin = memory.grow(READ / PAGE) * PAGE;
  write(begin, READ);
  // A loop that has begun is not replaced by its optimised twin: short calls until that is there
  for (const end = performance.now() + 300; performance.now() < end; ) {
    chains(SHORT, 0.5);
    sum(begin, PAGE);
    sumSideBySide(begin, PAGE, AHEAD);
  }
  let steps = 0;
  const compute = () => {
    chains(STEPS, 0.5);
    steps += STEPS;
  };
  let bytes = 0;
  const reading = (read) => {
    const load = () => {
      read(begin, READ, AHEAD);
      bytes += READ;
    };
    return rates(READS, load, () => bytes).best / 1e6;
  };
  const gigaflops = (rate) => (FLOPS * rate) / 1e6;
  return () => {
    const one = rates(CALLS, compute, () => steps);
    const plainRead = reading(sum);
    const read = Math.max(plainRead, reading(sumSideBySide));
    const limits = { multiplyAdd: gigaflops(one.best), average: gigaflops(one.average), plainRead, read };
    if (!second) return limits;
    second.start();
    const two = rates(CALLS, compute, () => steps + second.steps());
    second.stop();
    return { ...limits, twoCores: gigaflops(two.best), twoCoresAverage: gigaflops(two.average) };
  };
}

/** What is done in a ms, in the best of a few calls and in all of them; `done` counts it. */
function rates(calls, call, done) {
  const [begun, before] = [performance.now(), done()];
  let best = 0;
  for (let i = 0; i < calls; i++) {
    const [started, had] = [performance.now(), done()];
    call();
    best = Math.max(best, (done() - had) / (performance.now() - started));
  }
  return { best, average: (done() - before) / (performance.now() - begun) };
}
