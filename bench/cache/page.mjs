// Quantised pages read back as float32, as the forward of several queries needs them: 64 keys or values of one head.
const ROWS = 64;
const DIM = 128;

export function cases({ wasm, numbers, reserve }) {
  const to = reserve(ROWS * DIM * 4);
  // Any bytes will do: reading takes as long whatever they are
  const chunk = numbers(ROWS * DIM);
  return ["INT8", "INT4"].flatMap((name) =>
    [false, true].map((values) => ({
      title: `${values ? "values" : "keys"} of ${name.toLowerCase()}, D ${DIM}`,
      elements: ROWS * DIM,
      run: () => wasm.readChunk(chunk, DIM, wasm[`DTYPE_${name}`].value, values, to),
    })),
  );
}
