// Rows of 16 bits to float32 and back, in cache.
const N = 4096;
const DTYPES = { float16: 1, bfloat16: 2 };

export function cases({ wasm, numbers, reserve }) {
  const floats = numbers(N);
  const halves = reserve(N * 2);
  const to = reserve(N * 4);
  return Object.entries(DTYPES).flatMap(([title, dtype]) => [
    { title: `${title} from float32, rounding`, elements: N, run: () => wasm.narrowRow(floats, halves, N, dtype) },
    { title: `${title} to float32`, elements: N, run: () => wasm.widenRow(halves, to, N, dtype) },
  ]);
}
