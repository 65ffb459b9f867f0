// A picture as attention sees it: one token per pixel, made of the pixels around it; and what measures pictures.
import type { Picture } from "../formats/png.js";

/** The colours of a picture without its alpha: [height, width, 1 or 3]. */
export interface Colours {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Float32Array;
}

export function coloursOf({ width, height, channels, data }: Picture): Colours {
  if (channels === 1 || channels === 3) return { width, height, channels, data };
  const kept = channels === 2 ? 1 : 3;
  return { width, height, channels: kept, data: data.filter((_, i) => i % channels < kept) };
}

/** The picture with other colours and the alpha it had. */
export function withColours(picture: Picture, colours: Float32Array): Picture {
  const { channels, data } = picture;
  if (channels === 1 || channels === 3) return { ...picture, data: colours };
  const kept = channels - 1;
  const merged = data.map((value, i) => {
    const channel = i % channels;
    return channel < kept ? colours[((i - channel) / channels) * kept + channel]! : value;
  });
  return { ...picture, data: merged };
}

/**
 * Tokens [pixels.length, patch * patch * channels]: the square of `patch` x `patch` pixels (odd) around each of
 * `pixels` (y * width + x). Beyond its edges the picture is mirrored.
 */
export function patchTokens(
  { width, height, channels, data }: Colours,
  patch: number,
  pixels: Int32Array,
): Float32Array {
  const radius = (patch - 1) / 2;
  const columns = mirrored(width, radius);
  const rows = mirrored(height, radius);
  const tokens = new Float32Array(pixels.length * patch * patch * channels);
  let at = 0;
  for (const pixel of pixels) {
    const x = pixel % width;
    const y = (pixel - x) / width;
    for (let dy = 0; dy < patch; dy++) {
      const row = rows[y + dy]! * width;
      for (let dx = 0; dx < patch; dx++) {
        const from = (row + columns[x + dx]!) * channels;
        for (let c = 0; c < channels; c++) tokens[at++] = data[from + c]!;
      }
    }
  }
  return tokens;
}

/** Positions -radius to size - 1 + radius, folded back into 0 to size - 1 without repeating the edge. */
function mirrored(size: number, radius: number): Int32Array {
  const period = Math.max(1, 2 * (size - 1));
  return Int32Array.from({ length: size + 2 * radius }, (_, i) => {
    const folded = (((i - radius) % period) + period) % period;
    return folded < size ? folded : period - folded;
  });
}

/**
 * Standard deviation of the noise: each channel through the Laplacian difference of Immerkaer (1996), which smooth
 * pictures hardly pass, its median absolute value over 0.6745 (edges are outliers), mean of the channels.
 */
export function estimateNoise({ width, height, channels, data }: Colours): number {
  if (width < 3 || height < 3) return 0;
  let sum = 0;
  for (let c = 0; c < channels; c++) {
    const at = (x: number, y: number) => data[(y * width + x) * channels + c]!;
    const responses = new Float32Array((width - 2) * (height - 2));
    let n = 0;
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const corners = at(x - 1, y - 1) + at(x + 1, y - 1) + at(x - 1, y + 1) + at(x + 1, y + 1);
        const sides = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1);
        responses[n++] = Math.abs(corners - 2 * sides + 4 * at(x, y));
      }
    }
    // The squares of the filter's coefficients add up to 36.
    sum += responses.sort()[n >> 1]! / 0.6745 / 6;
  }
  return sum / channels;
}

/** Values as a file of so many bits holds them. */
export function quantised(data: Float32Array, depth: 8 | 16): Float32Array {
  const top = depth === 16 ? 65535 : 255;
  return data.map((value) => Math.round(Math.min(1, Math.max(0, value)) * top) / top);
}

/** Peak signal-to-noise ratio in dB, the peak being 1. */
export function psnr(data: Float32Array, reference: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (data[i]! - reference[i]!) ** 2;
  return 10 * Math.log10(data.length / sum);
}
