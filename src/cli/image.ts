// attention-wasm image: cleans a picture by attention, as non-local means (denoise.ts).
import { join } from "node:path";
import type { Command } from "commander";
import { type Picture, readPng, writePng } from "../formats/png.js";
import { type Engine, load } from "../index.js";
import { attendedBy, countPairs, denoise, type DenoiseSettings, flopsPerPair } from "./denoise.js";
import { InputError } from "./failure.js";
import { checkExtension, freshFolder, Outputs, readInput } from "./files.js";
import { integerOption, numberOption, pixelOption } from "./option-values.js";
import { type Colours, coloursOf, estimateNoise, psnr, quantised, withColours } from "./patches.js";
import { samplePicture, withNoise } from "./sample.js";
import { bytes, halfBlocks, hasColour, Progress, seconds, table } from "./terminal.js";
import { describeScale, enlarged, weightPicture } from "./weight-picture.js";

/** Below this, differences are those of rounding to 8 bits. */
const LEAST_NOISE = 1 / 255;
const SAMPLE_NOISE = 0.1;
/** A pixel on an edge of the balloon: the map of what it attends to shows the edge. */
const SAMPLE_EXPLAIN = { x: 43, y: 60 };

interface Flags {
  readonly output?: string;
  readonly patch: number;
  readonly strength: number;
  readonly window?: number;
  readonly explain?: { readonly x: number; readonly y: number };
  readonly reference?: string;
  readonly force?: boolean;
}

export function addImageCommand(program: Command): void {
  program
    .command("image", { isDefault: true })
    .summary("clean a noisy picture: every pixel attends to all others (the default command)")
    .description(
      "Cleans a noisy picture by attention (non-local means): every pixel becomes the mean of all pixels, weighted by how alike " +
        "the patches around them are. Without a picture it makes a noisy sample and cleans that.",
    )
    .argument("[photo.png]", "the picture, a PNG")
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
      numberOption("--strength", { above: 0 }),
      0.55,
    )
    .option("--force", "overwrite existing files")
    .action(runImage);
}

async function runImage(photo: string | undefined, flags: Flags): Promise<void> {
  const job = photo === undefined ? sampleJob(flags) : photoJob(photo, flags);
  const { picture, reference, explain, names, outputs } = job;
  const colours = coloursOf(picture);
  const noise = estimateNoise(colours);
  const settings: DenoiseSettings = {
    patch: flags.patch,
    h: flags.strength * Math.max(noise, LEAST_NOISE),
    noise: Math.max(noise, LEAST_NOISE),
    window: flags.window,
  };
  const engine = await load();
  try {
    const pairs = countPairs(colours, flags.window);
    const tokens = colours.width * colours.height;
    process.stdout.write(`${job.title}\n\n`);
    warnIfLong(pairs * flopsPerPair(colours, flags.patch), flags.window);
    const { cleaned, elapsed } = timed(engine, colours, settings);
    const result = quantised(cleaned, picture.depth);
    const outlook = `${flags.patch} x ${flags.patch} x ${colours.channels}`;
    const reach =
      flags.window === undefined
        ? "each attends to all of them"
        : `each attends to ${flags.window} x ${flags.window} pixels`;
    const rows: [string, string][] = [
      ["tokens", `${tokens}, patches of ${outlook}; ${reach}`],
      ["noise", `${noise.toFixed(4)} (standard deviation, estimated; white is 1)`],
      ["time", `${seconds(elapsed)} on the ${engine.info.build} build, ${engine.info.threads} thread`],
      [
        "speed",
        `${((pairs * flopsPerPair(colours, flags.patch)) / elapsed / 1e9).toFixed(1)} GFLOP/s (per pair: 3 for each of ${outlook}, 2 for each of ${colours.channels}; exp not counted)`,
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
    outputs.put(names.output, writePng(withColours(picture, cleaned)));
    if (explain) {
      const weights = attendedBy(engine, colours, settings, explain.x, explain.y);
      const { picture: map, scale } = weightPicture(weights, colours, explain, (x, y) => rgbAt(colours, result, x, y));
      outputs.put(names.explain, writePng(map));
      rows.push(["explained", `pixel ${explain.x},${explain.y}, in the ring; weights ${describeScale(scale)}`]);
    }
    if (job.sample) putSample(outputs, names, job.sample, picture, result);
    const written = outputs.commit();
    process.stdout.write(table(rows));
    if (job.sample && hasColour()) process.stdout.write(`\n${preview(picture, result)}`);
    process.stdout.write(`\nwrote ${written.join("\n      ")}\n\n${job.next}`);
  } finally {
    engine.close();
  }
}

interface Job {
  readonly title: string;
  readonly picture: Picture;
  /** The clean picture of a sample. */
  readonly sample?: Picture;
  readonly reference?: Float32Array;
  readonly referenceName?: string;
  readonly explain: { readonly x: number; readonly y: number } | undefined;
  readonly names: ReturnType<typeof namesBeside>;
  readonly outputs: Outputs;
  readonly next: string;
}

function photoJob(photo: string, flags: Flags): Job {
  const picture = readInput(photo, readPng);
  const { output, reference: referenceFile } = flags;
  const suggestion = photo.replace(/(\.png)?$/i, ".clean.png");
  if (output === undefined) throw new InputError(`say where to write the result: -o ${suggestion}`);
  const reference = referenceFile === undefined ? undefined : readReference(referenceFile, coloursOf(picture));
  const { explain, names, outputs } = claimOutputs(output, flags, picture, flags.explain);
  const title = `${photo}: ${picture.width} x ${picture.height} pixels`;
  const next = explain
    ? ""
    : "next: --explain X,Y shows what one pixel attended to; --strength and --patch change how much is smoothed\n";
  return {
    title,
    picture,
    explain,
    names,
    outputs,
    next,
    ...(reference && { reference, referenceName: `against ${referenceFile}` }),
  };
}

function sampleJob(flags: Flags): Job {
  const clean = samplePicture();
  const sample = { ...clean, data: quantised(clean.data, 8) };
  const picture = { ...sample, data: quantised(withNoise(clean.data, SAMPLE_NOISE), 8) };
  if (flags.reference !== undefined) throw new InputError("--reference goes with a picture; the sample brings its own");
  const output = flags.output ?? join(freshFolder(), "clean.png");
  const { explain, names, outputs } = claimOutputs(output, flags, picture, flags.explain ?? SAMPLE_EXPLAIN);
  for (const path of [names.sample, names.noisy, names.beforeAfter]) outputs.claim(path, flags.output === undefined);
  const title = `a sample picture of ${picture.width} x ${picture.height} pixels with noise of standard deviation ${SAMPLE_NOISE}`;
  const next =
    "next: attention-wasm image photo.png -o out.png cleans a picture of yours; attention-wasm run --help takes tensors\n";
  return {
    title,
    picture,
    sample,
    reference: sample.data,
    referenceName: "against the sample without noise",
    explain,
    names,
    outputs,
    next,
  };
}

function claimOutputs(output: string, flags: Flags, { width, height }: Picture, explain?: { x: number; y: number }) {
  checkExtension(output, [".png"]);
  if (explain && (explain.x >= width || explain.y >= height)) {
    throw new InputError(
      `--explain ${explain.x},${explain.y} lies outside of the picture, which has ${width} x ${height} pixels (from 0,0)`,
    );
  }
  const names = namesBeside(output);
  const outputs = new Outputs(flags.force === true);
  outputs.claim(output, flags.output === undefined);
  if (explain) outputs.claim(names.explain, flags.output === undefined);
  return { explain, names, outputs };
}

/** clean.png: explain.png, ... in the folder of the default run; out.png: out.explain.png, ... */
function namesBeside(output: string) {
  const stem = output.replace(/\.png$/i, "");
  const beside = (what: string) =>
    /^attention-output[\\/]/.test(output) ? join(output, "..", `${what}.png`) : `${stem}.${what}.png`;
  return {
    output,
    explain: beside("explain"),
    sample: beside("sample"),
    noisy: beside("noisy"),
    beforeAfter: beside("before-after"),
  };
}

function readReference(path: string, { width, height, channels }: Colours): Float32Array {
  const reference = coloursOf(readInput(path, readPng));
  if (reference.width !== width || reference.height !== height || reference.channels !== channels) {
    const size = (p: { width: number; height: number; channels: number }) => `${p.width} x ${p.height} x ${p.channels}`;
    throw new InputError(
      `${path}: must be as large as the picture, ${size({ width, height, channels })}; it has ${size(reference)}`,
    );
  }
  return reference.data;
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

function putSample(
  outputs: Outputs,
  names: Job["names"],
  sample: Picture,
  noisy: Picture,
  cleaned: Float32Array,
): void {
  outputs.put(names.sample, writePng(sample));
  outputs.put(names.noisy, writePng(noisy));
  outputs.put(names.beforeAfter, writePng(sideBySide(noisy, cleaned, 3)));
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
  const factor = Math.ceil((2 * width) / ((process.stdout.columns || 80) - 2));
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
