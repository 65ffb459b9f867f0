// Partial results merged by their lse.
export function cases({ engine, tensor }) {
  return [2, 8].map((count) => {
    const parts = Array.from({ length: count }, () => ({ output: tensor([1, 8, 128, 64]), lse: tensor([1, 8, 128]) }));
    return {
      title: `${count} parts of 1024 rows, D 64`,
      elements: count * 8 * 128 * 64,
      operations: 1,
      run() {
        const { output, lse } = engine.mergeAttention(parts);
        output.dispose();
        lse.dispose();
      },
    };
  });
}
