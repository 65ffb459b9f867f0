// A 3 x 3 convolution of a small picture with many channels.
import { Conv2d, loadWeights } from "../../build/layers.js";

const CHANNELS = 64;
const SIDE = 32;

export function cases({ engine, tensor }) {
  const layer = new Conv2d(engine, {
    inChannels: CHANNELS,
    outChannels: CHANNELS,
    kernelSize: 3,
    padding: 1,
    bias: false,
  });
  loadWeights(layer, { weight: tensor([CHANNELS, CHANNELS, 3, 3]).toHost() });
  const x = tensor([1, CHANNELS, SIDE, SIDE]);
  return [
    {
      title: `3 x 3, ${CHANNELS} to ${CHANNELS} channels, ${SIDE} x ${SIDE}`,
      flops: 2 * CHANNELS * CHANNELS * 9 * SIDE * SIDE,
      run: () => layer.forward(x).dispose(),
    },
  ];
}
