// attention-wasm image: cleans a picture by attention, as non-local means (denoise.ts).
import type { Command } from "commander";
import type { Picture } from "../formats/png.js";
import { type Engine, load } from "../index.js";
import { describeScale, halfBlocks } from "../inspect/index.js";
import { attendedBy, countPairs, denoise, type DenoiseSettings, flopsPerPair } from "./denoise.js";
import { type JobFlags, type Part, photoJob, sampleJob, writePictures } from "./image-job.js";
import { fileArgument, integerOption, numberOption, pixelOption, refuseEmptyNames } from "./option-values.js";
import { type Colours, coloursOf, estimateNoise, psnr, quantised, withColours } from "./patches.js";
import { bytes, hasColour, Progress, seconds, table, terminalColumns } from "./terminal.js";
import { enlarged, weightPicture } from "./weight-picture.js";

/** Below this, differences are those of rounding to 8 bits. */
const LEAST_NOISE = 1 / 255;

interface Flags extends JobFlags {
  readonly patch: number;
  readonly strength: number;
  readonly window?: number;
}

export function addImageCommand(program: Command): void {
  const command = program
    .command("image", { isDefault: true })
    .summary("clean a noisy picture: every pixel attends to all others (the default command)")
    .description(
      "Cleans a noisy picture by attention (non-local means): every pixel becomes the mean of all pixels, weighted by how alike " +
        "the patches around them are. Without a picture it makes a noisy sample and cleans that.",
    )
    .argument("[photo.png]", "the picture, a PNG", fileArgument)
    .option("-o, --output <out.png>", "where to write the result")
    .option(
      "--window <n>",
      "attend only to the n x n pixels around each pixel (odd): much faster on large pictures",
      integerOption("--window", 1, { odd: true }),
    )
    .option("--explain <x,y>", "also write the map of what this pixel attended to, beside the output", pixelOption)
    .option("--reference <file>", "a PNG without the noise: prints how near the result comes (PSNR)")
    .option(
      "--patch <n>",
      "side of the patches that are compared (odd)",
      integerOption("--patch", 1, { odd: true, most: 31 }),
      5,
    )
    .option(
      "--strength <x>",
      "how unlike patches may be, in units of the estimated noise: more is smoother",
      numberOption("--strength", { least: 0.001, most: 1000 }),
      0.55,
    )
    .option("--force", "overwrite existing files")
    .action(runImage);
  refuseEmptyNames(command);
}

async function runImage(photo: string | undefined, flags: Flags): Promise<void> {
  const job = photo === undefined ? sampleJob(flags) : photoJob(photo, flags);
  const { picture, reference, explain } = job;
  const colours = coloursOf(picture);
  const noise = estimateNoise(colours);
  const window = windowWithin(colours, flags.window);
  const settings: DenoiseSettings = {
    patch: flags.patch,
    h: flags.strength * Math.max(noise, LEAST_NOISE),
    noise: Math.max(noise, LEAST_NOISE),
    window,
  };
  const engine = await load();
  try {
    const flops = countPairs(colours, window) * flopsPerPair(colours, flags.patch);
    const tokens = colours.width * colours.height;
    process.stdout.write(`${job.title}\n\n`);
    warnIfLong(flops, window);
    const { cleaned, elapsed } = timed(engine, colours, settings);
    const result = quantised(cleaned, picture.depth);
    const outlook = `${flags.patch} x ${flags.patch} x ${colours.channels}`;
    const rows: [string, string][] = [
      ["tokens", `${tokens}, patches of ${outlook}; ${describeReach(colours, flags.window)}`],
      ["noise", `${noise.toFixed(4)} (standard deviation, estimated; white is 1)`],
      ["time", `${seconds(elapsed)} on the ${engine.info.build} build, ${engine.info.threads} thread`],
      [
        "speed",
        `${(flops / elapsed / 1e9).toFixed(1)} GFLOP/s (per pair: 3 for each of ${outlook}, 2 for each of ${colours.channels}; exp not counted)`,
      ],
      [
        "memory",
        `${bytes(engine.info.memory.peak)} at its peak; the score matrix alone would take ${bytes(tokens ** 2 * 4)}`,
      ],
    ];
    if (reference) {
      const [before, after] = [psnr(colours.data, reference), psnr(result, reference)];
      rows.push(["PSNR", `${before.toFixed(2)} dB before, ${after.toFixed(2)} dB after (${job.referenceName})`]);
    }
    const pictures = new Map<Part, Picture>([["clean", withColours(picture, cleaned)]]);
    if (explain) {
      const weights = attendedBy(engine, colours, settings, explain.x, explain.y);
      const { picture: map, scale } = weightPicture(weights, colours, explain, (x, y) => rgbAt(colours, result, x, y));
      pictures.set("explain", map);
      rows.push(["explained", `pixel ${explain.x},${explain.y}, in the ring; weights ${describeScale(scale)}`]);
    }
    if (job.sample) {
      pictures
        .set("sample", job.sample)
        .set("noisy", picture)
        .set("before-after", sideBySide(picture, result, 3));
    }
    const written = writePictures(job, pictures);
    process.stdout.write(table(rows));
    if (job.sample && hasColour()) process.stdout.write(`\n${preview(picture, result)}`);
    process.stdout.write(`\nwrote ${written.join("\n      ")}\n\n${job.next}`);
  } finally {
    engine.close();
  }
}

/** The window, or undefined where every pixel's window holds the whole picture. */
function windowWithin({ width, height }: Colours, window: number | undefined): number | undefined {
  return window !== undefined && (window - 1) / 2 < Math.max(width, height) - 1 ? window : undefined;
}

function describeReach(colours: Colours, window: number | undefined): string {
  const { width, height } = colours;
  if (window === undefined) return "each attends to all of them";
  if (windowWithin(colours, window) === undefined) {
    return `each attends to all of them, for the window of ${window} x ${window} holds the picture`;
  }
  return `each attends to ${Math.min(window, width)} x ${Math.min(window, height)} pixels, fewer at the edges`;
}

function timed(
  engine: Engine,
  colours: Colours,
  settings: DenoiseSettings,
): { cleaned: Float32Array; elapsed: number } {
  const progress = new Progress("attending");
  const start = performance.now();
  try {
    const cleaned = denoise(engine, colours, settings, (share) => progress.update(share));
    return { cleaned, elapsed: (performance.now() - start) / 1000 };
  } finally {
    progress.end();
  }
}

function rgbAt({ width, channels }: Colours, data: Float32Array, x: number, y: number): number[] {
  return [0, 1, 2].map((c) => data[(y * width + x) * channels + (c % channels)]! * 255);
}

function warnIfLong(flops: number, window: number | undefined): void {
  const estimate = flops / 20e9;
  if (estimate < 60 || window !== undefined) return;
  process.stderr.write(
    `this will take about ${seconds(estimate)}; --window 21 looks only around each pixel and is much faster\n`,
  );
}

/** Before and after with a white gap, enlarged. */
function sideBySide({ width, height, data }: Picture, after: Float32Array, factor: number): Picture {
  const gap = 3;
  return enlarged(2 * width + gap, height, factor, (x, y) => {
    if (x >= width && x < width + gap) return [255, 255, 255];
    const [from, column] = x < width ? [data, x] : [after, x - width - gap];
    return [0, 1, 2].map((c) => from[(y * width + column) * 3 + c]! * 255);
  });
}

/** Before and after in the terminal, each character the mean of some pixels. */
function preview({ width, height, data }: Picture, after: Float32Array): string {
  const factor = Math.ceil((2 * width) / terminalColumns(Infinity));
  const columns = Math.floor(width / factor);
  return halfBlocks(2 * columns + 2, Math.floor(height / factor), (x, y) => {
    if (x === columns || x === columns + 1) return [0, 0, 0];
    const [from, column] = x < columns ? [data, x] : [after, x - columns - 2];
    const mean: [number, number, number] = [0, 0, 0];
    for (let i = 0; i < factor * factor; i++) {
      const pixel = (y * factor + Math.floor(i / factor)) * width + column * factor + (i % factor);
      for (let c = 0; c < 3; c++) mean[c]! += (from[pixel * 3 + c]! * 255) / factor ** 2;
    }
    return mean;
  });
}
