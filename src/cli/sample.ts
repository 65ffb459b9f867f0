// The picture that the command line makes when it is given none: a balloon over fields, and the same with noise.
// Smooth sky, sharp edges, fine texture: what a denoiser must tell apart. Always the same pixels.

type Colour = readonly [number, number, number];
const SIZE = 128;
/** Each pixel is the mean of so many samples in both directions. */
const SAMPLES = 4;

/** RGB [128, 128, 3], 0 to 1. */
export function samplePicture(): { width: number; height: number; channels: number; data: Float32Array; depth: 8 } {
  const data = new Float32Array(SIZE * SIZE * 3);
  const step = 1 / (SIZE * SAMPLES);
  for (let y = 0; y < SIZE * SAMPLES; y++) {
    for (let x = 0; x < SIZE * SAMPLES; x++) {
      const colour = scene((x + 0.5) * step, (y + 0.5) * step);
      const pixel = (Math.floor(y / SAMPLES) * SIZE + Math.floor(x / SAMPLES)) * 3;
      for (let c = 0; c < 3; c++) data[pixel + c]! += colour[c]! / (SAMPLES * SAMPLES);
    }
  }
  return { width: SIZE, height: SIZE, channels: 3, data, depth: 8 };
}

/** The same values with Gaussian noise of standard deviation `sigma`; the same seed gives the same noise. */
export function withNoise(data: Float32Array, sigma: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  const uniform = () => {
    // mulberry32: 32 bits of state are plenty for a picture
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  // Box-Muller, one of the two values
  return data.map(
    (value) => value + sigma * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** x to the right, y down, both from 0 to 1. */
function scene(x: number, y: number): Colour {
  return balloon(x, y) ?? field(x, y) ?? hills(x, y) ?? sky(x, y);
}

function sky(x: number, y: number): Colour {
  const high: Colour = [0.2, 0.42, 0.72];
  const low: Colour = [0.99, 0.84, 0.66];
  const air = mix(high, low, smooth(0.0, 0.72, y));
  const distance = Math.hypot(x - 0.8, y - 0.56);
  if (distance < 0.065) return [1, 0.95, 0.78];
  return mix(air, [1, 0.86, 0.6], 0.7 * Math.exp(-((distance - 0.065) * 9)));
}

function hills(x: number, y: number): Colour | undefined {
  const near = 0.68 + 0.035 * Math.sin(5.5 * x + 0.4) + 0.012 * Math.sin(17 * x);
  if (y > near) return mix([0.2, 0.37, 0.3], [0.33, 0.47, 0.3], (y - near) * 8);
  const far = 0.62 - 0.075 * Math.abs(Math.sin(4.2 * x + 2.1)) + 0.018 * Math.sin(23 * x + 1) * Math.sin(9 * x);
  return y > far ? mix([0.38, 0.36, 0.55], [0.62, 0.52, 0.6], (y - far) * 7) : undefined;
}

/** Furrows that meet on the horizon. */
function field(x: number, y: number): Colour | undefined {
  const horizon = 0.765 + 0.02 * Math.sin(4 * x + 2);
  if (y < horizon) return undefined;
  const depth = y - 0.69;
  const furrow = Math.sin(((x - 0.42) / depth) * 11);
  const light = 0.5 + 0.5 * Math.tanh(2.5 * furrow);
  return mix([0.38, 0.29, 0.16], [0.9, 0.73, 0.33], light * (0.55 + 0.45 * smooth(0.76, 1, y)));
}

function balloon(x: number, y: number): Colour | undefined {
  const [cx, cy, radius] = [0.38, 0.32, 0.225];
  const [dx, dy] = [x - cx, y - cy];
  // A sphere above, drawn in to the mouth below.
  const reach = dy <= 0 ? Math.sqrt(Math.max(0, radius * radius - dy * dy)) : radius * taper(dy / 0.33);
  if (Math.abs(dx) < reach && dy > -radius && dy < 0.33) {
    const across = dx / reach;
    const gore = Math.floor((Math.asin(across) / Math.PI + 0.5) * 9);
    const band = Math.abs(dy - 0.045) < 0.028;
    const stripes: readonly Colour[] = [
      [0.84, 0.18, 0.16],
      [0.98, 0.91, 0.78],
      [0.95, 0.6, 0.14],
    ];
    const cloth: Colour = band ? (gore % 2 ? [0.1, 0.3, 0.45] : [0.16, 0.46, 0.6]) : stripes[gore % 3]!;
    const light = 0.62 + 0.5 * Math.sqrt(Math.max(0, 1 - ((across - 0.3) * 0.72) ** 2)) - 0.22 * smooth(-0.1, 0.33, dy);
    return mix([0, 0, 0], cloth, light);
  }
  const below = dy - 0.33;
  if (below >= 0 && below < 0.05 && Math.abs(Math.abs(dx) - 0.035 + below * 0.2) < 0.0035) return [0.3, 0.22, 0.2];
  if (below >= 0.05 && below < 0.105 && Math.abs(dx) < 0.03) {
    const weave = Math.floor(dx * 130 + 100) + Math.floor(below * 130);
    return weave % 2 ? [0.36, 0.22, 0.13] : [0.55, 0.36, 0.2];
  }
  return undefined;
}

/** 1 at the balloon's equator, narrow at its mouth. */
function taper(t: number): number {
  return 0.16 + 0.84 * Math.sqrt(Math.max(0, 1 - t ** 1.7));
}

function smooth(from: number, to: number, at: number): number {
  const t = Math.min(1, Math.max(0, (at - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

function mix(a: Colour, b: Colour, t: number): Colour {
  const s = Math.min(1.2, Math.max(0, t));
  return [a[0] + (b[0] - a[0]) * s, a[1] + (b[1] - a[1]) * s, a[2] + (b[2] - a[2]) * s];
}
