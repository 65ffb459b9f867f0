// The limits that shares are shares of, measured between the engines in every round.

/** About 4 ms. */
const STEPS = 2e6;
const CALLS = 3;
const SHORT = 1e5;
/** Bytes read: more than any cache holds. */
const READ = 256 * 2 ** 20;
const PAGE = 65536;

/** @param module bench/assembly/limits.ts; its memory is its own */
export function limitsOf(module) {
  const { chains, write, sum, memory } = new WebAssembly.Instance(module).exports;
  const begin = memory.grow(READ / PAGE) * PAGE;
  write(begin, READ);
  // A loop that has begun is not replaced by its optimised twin: short calls until that is there
  for (const end = performance.now() + 300; performance.now() < end; ) {
    chains(SHORT, 0.5);
    sum(begin, 128 * 1000);
  }
  return {
    /** GFLOP/s of one core. */
    multiplyAdd: () => (96 * STEPS) / least(() => chains(STEPS, 0.5)) / 1e6,
    /** GB/s of one core. */
    read: () => READ / least(() => sum(begin, READ)) / 1e6,
  };
}

/** ms of the quickest of a few calls: a limit is what the machine can do, not what it does when it is disturbed. */
function least(call) {
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < CALLS; i++) {
    const started = performance.now();
    call();
    ms = Math.min(ms, performance.now() - started);
  }
  return ms;
}
