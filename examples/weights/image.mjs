// Weights of image.mjs, written by hand: filters as the first layers of trained networks, and of the eye, turn out to have.
//
// Channels 0 to 7 are colours, blurred: differences of red, green and blue, and light and dark; 8 to 15 are edges in four
// directions (Gabor filters). One head of the self-attention compares colours, the other edges. Spatial attention is the
// strongest answer at a place and around it, against a threshold.
import { Weights } from "./blank.mjs";

const KERNEL = 7;
const COLOURS = [
  [1, -1, 0],
  [1, 0, -1],
  [-0.5, -0.5, 1],
  [1 / 3, 1 / 3, 1 / 3],
];

export function lookingByHand(model) {
  const weights = new Weights(model);
  const blur = kernel((x, y) => Math.exp(-(x * x + y * y) / 6));
  const sum = blur.reduce((total, value) => total + value, 0);
  for (const [i, colour] of COLOURS.entries()) {
    for (const [j, sign] of [1, -1].entries()) {
      for (const [c, share] of colour.entries()) {
        write(weights, "convolution.weight", [2 * i + j, c], blur, (1.5 * sign * share) / sum);
      }
    }
  }
  for (let direction = 0; direction < 4; direction++) {
    const [cos, sin] = [Math.cos((direction * Math.PI) / 4), Math.sin((direction * Math.PI) / 4)];
    const edge = kernel((x, y) => Math.exp(-(x * x + y * y) / 6) * Math.sin(((x * cos + y * sin) * 2 * Math.PI) / 6));
    for (const [j, sign] of [1, -1].entries()) {
      for (let c = 0; c < 3; c++) {
        write(weights, "convolution.weight", [8 + 2 * direction + j, c], edge, (0.5 * sign) / 3);
      }
    }
  }

  const near = kernel((x, y) => Math.exp(-(x * x + y * y)) / Math.PI);
  write(weights, "spatial.weight", [0, 1], near, 3);
  weights.put("spatial.bias", [0], -4);

  weights.fill("norm.weight", 1);
  const E = weights.get("norm.weight").shape[0];
  for (let channel = 0; channel < E; channel++) {
    weights.put("attention.in_proj_weight", [channel, channel], 2);
    for (const part of [1, 2]) weights.put("attention.in_proj_weight", [part * E + channel, channel], 1);
    weights.put("attention.out_proj.weight", [channel, channel], 1);
  }
  return weights;
}

/** Values of a function of x and y from the middle. */
function kernel(valueAt) {
  const middle = (KERNEL - 1) / 2;
  return Array.from({ length: KERNEL * KERNEL }, (_, i) =>
    valueAt((i % KERNEL) - middle, Math.floor(i / KERNEL) - middle),
  );
}

/** Into a weight [out, in, 7, 7] */
function write(weights, name, [o, i], values, factor) {
  for (const [at, value] of values.entries()) {
    weights.put(name, [o, i, Math.floor(at / KERNEL), at % KERNEL], value * factor);
  }
}
