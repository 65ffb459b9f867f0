// Elementary functions over an array in cache.
const N = 4096;

export function cases({ wasm, numbers, doubles, reserve, build }) {
  const x = numbers(N, 1, -5);
  const y = reserve(N * 8);
  const scratch = reserve(192);
  const fused = build === "relaxed";
  const positive = doubles(N);
  return [
    { title: "exp", elements: N, operations: fused ? 13 : 22, run: () => wasm.expArray(x, y, N, 0, scratch) },
    { title: "tanh", elements: N, operations: fused ? 29 : 43, run: () => wasm.tanhArray(x, y, N, scratch) },
    { title: "log, scalar float64, once per row", elements: N, run: () => wasm.logArray(positive, y, N) },
  ];
}
