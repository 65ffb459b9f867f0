// Weights as colours, the same in every picture the command line draws: a perceptually uniform scale, logarithmic where
// the weights span too much for a linear one.
import { interpolateInferno } from "d3-scale-chromatic";
import type { Picture } from "../formats/png.js";

/** Red, green, blue from 0 to 255. */
export type Rgb = readonly [number, number, number];

export interface WeightScale {
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
  /** 0 to 1: where a weight lies on the scale */
  level(weight: number): number;
  colour(weight: number): Rgb;
}

/** A scale for some weights; it never spans more than five powers of ten below the largest. */
export function weightScale(weights: Float32Array): WeightScale {
  const positive = weights.filter((weight) => weight > 0).sort();
  const high = positive.at(-1) ?? 1;
  const median = positive[positive.length >> 1] ?? high;
  const logarithmic = high > 20 * median;
  const low = logarithmic ? Math.max(positive[0]!, high / 1e5) : 0;
  const levels = logarithmic
    ? (weight: number) => Math.log(weight / low) / Math.log(high / low)
    : (weight: number) => weight / high;
  const level = (weight: number) => (weight <= low ? 0 : Math.min(1, levels(weight)));
  return { low, high, logarithmic, level, colour: (weight) => inferno(level(weight)) };
}

/** In words, for the line that goes with a picture. */
export function describeScale({ low, high, logarithmic }: WeightScale): string {
  const number = (value: number) => (value === 0 ? "0" : value < 0.001 ? value.toExponential(1) : value.toPrecision(2));
  return `dark ${number(low)} to bright ${number(high)}, ${logarithmic ? "logarithmic" : "linear"}`;
}

/** A scale of colours from 0 to 1 in 256 steps, as red, green and blue. */
export function colourTable(css: (level: number) => string): (level: number) => Rgb {
  const table = Array.from({ length: 256 }, (_, i) => rgbOf(css(i / 255)));
  return (level) => table[Math.round(level * 255)]!;
}

const inferno = colourTable(interpolateInferno);

/** "#rrggbb" or "rgb(r, g, b)" as three numbers */
function rgbOf(css: string): Rgb {
  if (css.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16)) as unknown as Rgb;
  return css.match(/\d+/g)!.slice(0, 3).map(Number) as unknown as Rgb;
}

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
  const scale = weightScale(weights);
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
