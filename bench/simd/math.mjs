// Elementary functions over an array in cache.
const N = 4096;

export function cases({ wasm, numbers, doubles, reserve, build }) {
  const x = numbers(N, 1, -5);
  const y = reserve(N * 8);
  const scratch = reserve(192);
  const fused = build === "relaxed";
  const positive = doubles(N);
  return [
    { title: "exp2", elements: N, operations: fused ? 12 : 18, run: () => wasm.exp2Array(x, y, N, 0, scratch) },
    { title: "exp", elements: N, operations: fused ? 14 : 23, run: () => wasm.expArray(x, y, N, scratch) },
    { title: "tanh", elements: N, operations: fused ? 30 : 44, run: () => wasm.tanhArray(x, y, N, scratch) },
    { title: "log, scalar float64, once per row", elements: N, run: () => wasm.logArray(positive, y, N) },
  ];
}
