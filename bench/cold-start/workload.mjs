// What all of them compute: 4 heads, 64 tokens, head size 64.
export const SHAPE = [1, 4, 64, 64];

export function tensors() {
  return [1, 2, 3].map((seed) => Float32Array.from({ length: 4 * 64 * 64 }, (_, i) => Math.sin(seed + 1.7 * i)));
}

/** Prints how long it took from `started`, and a sum to compare results by. */
export function tell(started, output) {
  const milliseconds = performance.now() - started;
  console.log(JSON.stringify({ milliseconds, sum: output.reduce((sum, x, i) => sum + x * Math.cos(i), 0) }));
}
