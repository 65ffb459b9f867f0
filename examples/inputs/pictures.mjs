// The picture that `npm start` cleans, as tensors. Pictures as patches [N, 3 P P] and back, N = H W / P^2, row by row; and a picture with something in it that was not there before.

import { readFileSync } from "node:fs";
import { decode } from "fast-png";

/** A balloon over fields: `picture` in bytes, `planes` [3, H, W] from -1 to 1, so that the zeros of a padding are grey. */
export function balloon() {
  const { width, height, data } = decode(readFileSync(new URL("balloon.png", import.meta.url)));
  const planes = Float32Array.from({ length: 3 * width * height }, (_, at) => {
    const [plane, pixel] = [Math.floor(at / (width * height)), at % (width * height)];
    return data[3 * pixel + plane] / 127.5 - 1;
  });
  return { picture: { width, height, data }, planes: { data: planes, shape: [3, height, width] } };
}

/** planes [3, H, W] -> [N, 3 P P] */
export function inPatches({ data, shape }, size) {
  const places = sources(shape, size);
  return { data: Float32Array.from(places, (at) => data[at]), shape: [data.length / (3 * size ** 2), 3 * size ** 2] };
}

/** patches, of values from -1 to 1 -> pixels of a picture, as planes of `shape` have them */
export function assembled(patches, shape, size) {
  const [, height, width] = shape;
  const data = new Uint8Array(3 * height * width);
  for (const [i, at] of sources(shape, size).entries()) {
    const [plane, pixel] = [Math.floor(at / (height * width)), at % (height * width)];
    data[3 * pixel + plane] = Math.round(Math.min(255, Math.max(0, (patches.data[i] + 1) * 127.5)));
  }
  return { width, height, data };
}

/** Where each value of the patches lies in the planes. */
function sources([planes, height, width], size) {
  const columns = width / size;
  return Array.from({ length: planes * height * width }, (_, i) => {
    const [patch, value] = [Math.floor(i / (planes * size * size)), i % (planes * size * size)];
    const plane = Math.floor(value / (size * size));
    const y = Math.floor(patch / columns) * size + (Math.floor(value / size) % size);
    return (plane * height + y) * width + (patch % columns) * size + (value % size);
  });
}

/** A magenta kite in the upper right of planes [3, H, W]. */
export function withKite({ data, shape: [, height, width] }) {
  const changed = data.slice();
  const magenta = [0.7, -0.8, 0.6];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [across, down] = [x / width - 0.8, y / height - 0.2];
      const kite = Math.abs(across) / 0.055 + Math.abs(down) / (down < 0 ? 0.06 : 0.1) < 1;
      const tail = down >= 0.1 && down < 0.24 && Math.abs(across - 0.012 * Math.sin(down * 60)) < 0.008;
      if (!kite && !tail) continue;
      for (const [plane, value] of magenta.entries()) changed[(plane * height + y) * width + x] = value;
    }
  }
  return { data: changed, shape: [3, height, width] };
}
