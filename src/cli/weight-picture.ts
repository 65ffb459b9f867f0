// A picture beside the weights of one of its pixels, as `attention-wasm image --explain` draws it.
import type { Picture } from "../formats/png.js";
import { type WeightScale, weightScale } from "../inspect/index.js";

/** RGB with every pixel repeated `factor` times in both directions. */
export function enlarged(
  width: number,
  height: number,
  factor: number,
  colour: (x: number, y: number) => readonly number[],
): Picture {
  const line = width * factor;
  const data = new Float32Array(line * height * factor * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const rgb = colour(x, y).map((value) => value / 255);
      for (let i = 0; i < factor; i++) data.set(rgb, (y * factor * line + x * factor + i) * 3);
    }
    const first = y * factor * line * 3;
    for (let i = 1; i < factor; i++) data.copyWithin(first + i * line * 3, first, first + line * 3);
  }
  return { width: line, height: height * factor, channels: 3, data, depth: 8 };
}

/**
 * A picture beside the weights [height, width] of one of its pixels, both of at least 512 pixels, the pixel in a ring.
 * `colourAt` gives the picture's red, green and blue from 0 to 255.
 */
export function weightPicture(
  weights: Float32Array,
  { width, height }: { width: number; height: number },
  { x, y }: { x: number; y: number },
  colourAt: (x: number, y: number) => readonly number[],
): { picture: Picture; scale: WeightScale } {
  const scale = weightScale(weights, { colors: "inferno" });
  const factor = Math.max(1, Math.ceil(512 / Math.max(width, height)));
  const gap = Math.ceil(12 / factor);
  const picture = enlarged(2 * width + gap, height, factor, (px, py) => {
    if (px < width) return colourAt(px, py);
    return px < width + gap ? [255, 255, 255] : scale.colour(weights[py * width + px - width - gap]!);
  });
  for (const column of [x, x + width + gap]) {
    drawRing(picture, (column + 0.5) * factor, (y + 0.5) * factor, Math.max(7, factor * 1.8));
  }
  return { picture, scale };
}

/** A light ring with a dark edge, seen on every colour. */
function drawRing({ width, height, data }: Picture, cx: number, cy: number, radius: number): void {
  const reach = Math.ceil(radius + 4);
  for (let y = Math.max(0, Math.floor(cy) - reach); y <= Math.min(height - 1, cy + reach); y++) {
    for (let x = Math.max(0, Math.floor(cx) - reach); x <= Math.min(width - 1, cx + reach); x++) {
      const off = Math.abs(Math.hypot(x + 0.5 - cx, y + 0.5 - cy) - radius);
      if (off > 2.8) continue;
      data.set(off < 1.5 ? [0.3, 0.95, 1] : [0, 0, 0], (y * width + x) * 3);
    }
  }
}
