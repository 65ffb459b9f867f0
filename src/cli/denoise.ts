// Non-local means as attention (Buades, Coll and Morel 2005): tokens are the patches around the pixels, the similarity
// is squared Euclidean, the values are the pixels. All on the engine; this file feeds it chunks and weighs the result.
import { type BlockMask, createBlockMask, type Engine, type Tensor } from "../index.js";
import { type Colours, patchTokens } from "./patches.js";

export interface DenoiseSettings {
  /** Side of a patch, odd. */
  readonly patch: number;
  /** Patches whose mean squared difference is this far apart count 1 / e of equal ones. */
  readonly h: number;
  /** Standard deviation of the noise. */
  readonly noise: number;
  /** Side of the square of pixels that a pixel attends to, odd; undefined = the whole picture. */
  readonly window?: number | undefined;
}

/** A rectangle of pixels. */
interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Floating-point operations of one pair of pixels: 3 per channel of the patch, 2 per colour; exp is not counted. */
export function flopsPerPair({ channels }: Colours, patch: number): number {
  return 3 * patch * patch * channels + 2 * channels;
}

/** Pairs of a pixel and one it attends to. */
export function countPairs({ width, height }: Colours, window?: number): number {
  const along = (size: number) => {
    const reach = window === undefined ? size : (window - 1) / 2;
    let sum = 0;
    for (let i = 0; i < size; i++) sum += Math.min(size - 1, i + reach) - Math.max(0, i - reach) + 1;
    return sum;
  };
  return along(width) * along(height);
}

/** The cleaned colours, [height, width, channels]. `onProgress` gets the share that is done. */
export function denoise(
  engine: Engine,
  picture: Colours,
  settings: DenoiseSettings,
  onProgress: (share: number) => void,
): Float32Array {
  return settings.window === undefined
    ? attendEverywhere(engine, picture, settings, onProgress)
    : attendWithin(engine, picture, settings, settings.window, onProgress);
}

/** What the pixel at (x, y) attended to: weights [height, width] that sum to 1. */
export function attendedBy(
  engine: Engine,
  picture: Colours,
  settings: DenoiseSettings,
  x: number,
  y: number,
): Float32Array {
  const { width, height } = picture;
  const seen = around({ x, y, width: 1, height: 1 }, settings.window, picture);
  const pixels = raster(seen, width);
  const options = { ...similarity(picture, settings), returnWeights: true } as const;
  const { weights } = engine.attention(
    host(picture, settings.patch, Int32Array.of(y * width + x)),
    host(picture, settings.patch, pixels),
    { data: coloursAt(picture, pixels), shape: [pixels.length, picture.channels] },
    options,
  );
  const map = new Float32Array(width * height);
  pixels.forEach((pixel, i) => {
    map[pixel] = (weights.data as Float32Array)[i]!;
  });
  const own = map[y * width + x]!;
  map[y * width + x] = own * selfFactor(settings);
  const sum = 1 - own + own * selfFactor(settings);
  return map.map((weight) => weight / sum);
}

/** Every pixel attends to all pixels: the tokens stay resident, the queries are slices of them. */
function attendEverywhere(
  engine: Engine,
  picture: Colours,
  settings: DenoiseSettings,
  onProgress: (share: number) => void,
): Float32Array {
  const { width, height, channels, data } = picture;
  const count = width * height;
  const pixels = raster({ x: 0, y: 0, width, height }, width);
  const tokens = engine.tensor(host(picture, settings.patch, pixels));
  const values = engine.tensor({ data, shape: [count, channels] });
  const cleaned = new Float32Array(data.length);
  // About a quarter of a second of work, in whole tiles
  const wanted = 5e9 / (count * flopsPerPair(picture, settings.patch));
  const chunk = Math.max(1, Math.round(wanted / 64)) * 64;
  for (let start = 0; start < count; start += chunk) {
    const end = Math.min(count, start + chunk);
    const queries = tokens.slice(0, start, end);
    const options = { ...similarity(picture, settings), returnLse: true } as const;
    const { output, lse } = engine.attention(queries, tokens, values, options);
    place(cleaned, picture, settings, pixels.subarray(start, end), take(output), take(lse));
    queries.dispose();
    onProgress(end / count);
  }
  tokens.dispose();
  values.dispose();
  return cleaned;
}

/** Side of the squares of pixels that are worked on at a time. */
const SQUARE = 32;

/**
 * Each pixel attends to those in a square around it: squares of queries against the rectangle of keys in their reach,
 * the rest ruled out by a block mask. Most squares lie alike in their rectangle, so few masks are built.
 */
function attendWithin(
  engine: Engine,
  picture: Colours,
  settings: DenoiseSettings,
  window: number,
  onProgress: (share: number) => void,
): Float32Array {
  const { width, height, channels } = picture;
  const cleaned = new Float32Array(picture.data.length);
  const masks = new Map<string, BlockMask>();
  const squares: Area[] = [];
  for (let y = 0; y < height; y += SQUARE) {
    for (let x = 0; x < width; x += SQUARE) {
      squares.push({ x, y, width: Math.min(SQUARE, width - x), height: Math.min(SQUARE, height - y) });
    }
  }
  squares.forEach((square, i) => {
    const seen = around(square, window, picture);
    const queries = inSmallSquares(square, width);
    const keys = inSmallSquares(seen, width);
    const geometry = [
      square.width,
      square.height,
      square.x - seen.x,
      square.y - seen.y,
      seen.width,
      seen.height,
    ].join();
    const blockMask = masks.get(geometry) ?? windowMask(queries, keys, width, (window - 1) / 2);
    masks.set(geometry, blockMask);
    const { output, lse } = engine.attention(
      host(picture, settings.patch, queries),
      host(picture, settings.patch, keys),
      { data: coloursAt(picture, keys), shape: [keys.length, channels] },
      { ...similarity(picture, settings), blockMask, returnLse: true },
    );
    place(cleaned, picture, settings, queries, output.data as Float32Array, lse.data as Float32Array);
    onProgress((i + 1) / squares.length);
  });
  return cleaned;
}

function similarity({ channels }: Colours, { patch, h }: DenoiseSettings) {
  return { similarity: "squared-euclidean", scale: 1 / (h * h * patch * patch * channels) } as const;
}

/**
 * A pixel is at distance 0 from itself but at 2 noise^2 from its equals, so it would mostly see itself. Its own weight
 * is set to what an equal pixel has (Salmon 2010, "On two parameters for denoising with non-local means").
 * Not below 1 / 1000, for then the rest could not be told from rounding.
 */
function selfFactor({ noise, h }: DenoiseSettings): number {
  return Math.max(1e-3, Math.exp((-2 * noise * noise) / (h * h)));
}

/** Puts the results of some pixels in their places, their own weight corrected: it is exp(0 - lse). */
function place(
  cleaned: Float32Array,
  { channels, data }: Colours,
  settings: DenoiseSettings,
  pixels: Int32Array,
  output: Float32Array,
  lse: Float32Array,
): void {
  const factor = selfFactor(settings);
  pixels.forEach((pixel, i) => {
    const excess = Math.exp(-lse[i]!) * (1 - factor);
    for (let c = 0; c < channels; c++) {
      const at = pixel * channels + c;
      cleaned[at] = (output[i * channels + c]! - excess * data[at]!) / (1 - excess);
    }
  });
}

/** The numbers of a resident tensor, which is freed. */
function take(tensor: Tensor): Float32Array {
  const { data } = tensor.toHost();
  tensor.dispose();
  return data as Float32Array;
}

function host(picture: Colours, patch: number, pixels: Int32Array) {
  return { data: patchTokens(picture, patch, pixels), shape: [pixels.length, patch * patch * picture.channels] };
}

function coloursAt({ channels, data }: Colours, pixels: Int32Array): Float32Array {
  return Float32Array.from({ length: pixels.length * channels }, (_, i) => {
    const channel = i % channels;
    return data[pixels[(i - channel) / channels]! * channels + channel]!;
  });
}

/** The pixels that those of `area` attend to: a rectangle within the picture. */
function around(area: Area, window: number | undefined, { width, height }: Colours): Area {
  const reach = window === undefined ? Math.max(width, height) : (window - 1) / 2;
  const [x, y] = [Math.max(0, area.x - reach), Math.max(0, area.y - reach)];
  const right = Math.min(width, area.x + area.width + reach);
  const bottom = Math.min(height, area.y + area.height + reach);
  return { x, y, width: right - x, height: bottom - y };
}

function raster(area: Area, pictureWidth: number): Int32Array {
  return Int32Array.from({ length: area.width * area.height }, (_, i) => {
    return (area.y + Math.floor(i / area.width)) * pictureWidth + area.x + (i % area.width);
  });
}

/** The pixels of an area by squares of 8 x 8, so that a block of 64 tokens is compact and most blocks are ruled out. */
function inSmallSquares(area: Area, pictureWidth: number): Int32Array {
  const pixels = new Int32Array(area.width * area.height);
  let n = 0;
  for (let top = 0; top < area.height; top += 8) {
    for (let left = 0; left < area.width; left += 8) {
      for (let y = top; y < Math.min(area.height, top + 8); y++) {
        for (let x = left; x < Math.min(area.width, left + 8); x++) {
          pixels[n++] = (area.y + y) * pictureWidth + area.x + x;
        }
      }
    }
  }
  return pixels;
}

function windowMask(queries: Int32Array, keys: Int32Array, width: number, reach: number): BlockMask {
  const columns = (pixels: Int32Array) => pixels.map((pixel) => pixel % width);
  const rows = (pixels: Int32Array) => pixels.map((pixel) => Math.floor(pixel / width));
  const [qx, qy, kx, ky] = [columns(queries), rows(queries), columns(keys), rows(keys)];
  return createBlockMask((_b, _h, q, k) => Math.abs(qx[q]! - kx[k]!) <= reach && Math.abs(qy[q]! - ky[k]!) <= reach, {
    queryLength: queries.length,
    keyLength: keys.length,
  });
}
