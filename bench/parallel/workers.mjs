// What it costs to share a call: a job just large enough to be shared, on two threads and on one.
export function cases({ engine, shared, tensor, tensorOf }) {
  const shape = [1, 4, 64, 64];
  const one = [1, 2, 3].map(() => tensor(shape));
  const jobs = [
    {
      title: "4 heads, 64 tokens, D 64: one thread",
      flops: 4 * 4 * 64 * 64 * 64,
      run: () => engine.attention(...one).output.dispose(),
    },
  ];
  if (shared) {
    const two = [1, 2, 3].map(() => tensorOf(shared, shape));
    jobs.push({
      title: "the same: two threads",
      flops: 4 * 4 * 64 * 64 * 64,
      run: () => shared.attention(...two).output.dispose(),
    });
  }
  return jobs;
}
