// Weights of autoencoder.mjs. Encoder and decoder are the slowest waves of the cosine transform that JPEG uses, four for each
// of red, green and blue. The memory holds what patches of the balloon are like, found by k-means (Lloyd 1982): each memory
// becomes the mean of the patches that are nearest to it. That is this very attention with hard weights.
import { balloon, inPatches } from "../inputs/pictures.mjs";
import { Weights } from "./blank.mjs";

/** The larger, the more one memory alone speaks for a patch. */
const SHARPNESS = 5;
const ROUNDS = 8;

export function memoryOfBalloon(model) {
  const weights = new Weights(model);
  const size = model.patchSize;
  const area = size ** 2;
  const wave = (frequency, x) => (frequency ? Math.SQRT2 : 1) * Math.cos((Math.PI * (x + 0.5) * frequency) / size);
  for (let plane = 0; plane < 3; plane++) {
    for (let down = 0; down < 2; down++) {
      for (let right = 0; right < 2; right++) {
        for (let i = 0; i < area; i++) {
          const [channel, value] = [4 * plane + 2 * down + right, plane * area + i];
          const height = wave(down, Math.floor(i / size)) * wave(right, i % size);
          weights.put("encoder.weight", [channel, value], (SHARPNESS * height) / area);
          weights.put("decoder.weight", [value, channel], height / SHARPNESS);
        }
      }
    }
  }
  const patches = inPatches(balloon().planes, size);
  const [, P] = patches.shape;
  const [K, C] = weights.get("memory.weight").shape;
  const { data: encoder } = weights.get("encoder.weight");
  const points = Array.from({ length: patches.shape[0] }, (_, n) =>
    Array.from({ length: C }, (_, c) => {
      let sum = 0;
      for (let i = 0; i < P; i++) sum += encoder[c * P + i] * patches.data[n * P + i];
      return sum;
    }),
  );
  for (const [k, center] of centers(points, K).entries()) {
    for (const [c, value] of center.entries()) weights.put("memory.weight", [k, c], value);
  }
  return weights;
}

/** k means of points; they start at points that are as far from each other as possible (Gonzalez 1985). */
function centers(points, k) {
  let means = [points[0]];
  const distances = points.map(() => Infinity);
  while (means.length < k) {
    for (const [n, point] of points.entries()) distances[n] = Math.min(distances[n], distance(point, means.at(-1)));
    means.push(points[distances.indexOf(Math.max(...distances))]);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const groups = means.map(() => []);
    for (const point of points) {
      const away = means.map((mean) => distance(point, mean));
      groups[away.indexOf(Math.min(...away))].push(point);
    }
    means = groups.map((group, i) =>
      group.length === 0 ? means[i] : group[0].map((_, c) => group.reduce((sum, p) => sum + p[c], 0) / group.length),
    );
  }
  return means;
}

function distance(a, b) {
  return a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);
}
