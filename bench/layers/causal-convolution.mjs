// Causal convolution over resident tensors: a sequence, and one token as a decoder calls it.
import { causalConv1d } from "../../build/layers.js";

const CHANNELS = 1024;
const WIDTH = 4;

export function cases({ engine, tensor }) {
  const weight = tensor([CHANNELS, 1, WIDTH]);
  const bias = tensor([CHANNELS]);
  const state = tensor([CHANNELS, WIDTH - 1]);
  return [
    [512, "none"],
    [512, "silu"],
    [1, "silu"],
  ].map(([length, activation]) => {
    const x = tensor([CHANNELS, length]);
    return {
      title: `${CHANNELS} channels, T ${length}, K ${WIDTH}, ${activation}`,
      elements: CHANNELS * length,
      run() {
        const results = causalConv1d(engine, x, weight, { bias, state, activation });
        results.output.dispose();
        results.state.dispose();
      },
    };
  });
}
