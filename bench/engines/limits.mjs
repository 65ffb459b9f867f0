// The limits that shares are shares of, measured between the engines in every round.

/** About 10 ms. */
const STEPS = 5e6;
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
    multiplyAdd() {
      const started = performance.now();
      chains(STEPS, 0.5);
      return (96 * STEPS) / (performance.now() - started) / 1e6;
    },
    /** GB/s of one core. */
    read() {
      const started = performance.now();
      sum(begin, READ);
      return READ / (performance.now() - started) / 1e6;
    },
  };
}
