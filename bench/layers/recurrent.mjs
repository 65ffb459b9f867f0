// Recurrent networks over a sequence: the steps follow each other, so a step's product has one row.
import { GRU, LSTM, loadWeights } from "../../build/layers.js";

const STEPS = 64;
const SIZE = 256;
const GATES = { GRU: 3, LSTM: 4 };

export function cases({ engine, tensor }) {
  const x = tensor([STEPS, SIZE]);
  return Object.entries({ GRU, LSTM }).map(([name, Layer]) => {
    const gates = GATES[name];
    const layer = new Layer(engine, { inputSize: SIZE, hiddenSize: SIZE, bias: false });
    const weight = tensor([gates * SIZE, SIZE]).toHost();
    loadWeights(layer, { weight_ih_l0: weight, weight_hh_l0: weight });
    return {
      title: `${name}, ${STEPS} steps, ${SIZE} to ${SIZE}`,
      flops: 2 * STEPS * 2 * gates * SIZE * SIZE,
      run() {
        for (const result of Object.values(layer.forward(x))) result.dispose();
      },
    };
  });
}
