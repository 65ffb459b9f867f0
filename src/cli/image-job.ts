// What attention-wasm image works on, a picture of the user's or the sample, and where its results go.
import { join } from "node:path";
import { type Picture, readPng, writePng } from "../formats/png.js";
import { InputError } from "./failure.js";
import { checkExtension, checkFreshFolder, makeFreshFolder, Outputs, readInput, removeEmptyFolder } from "./files.js";
import { type Colours, coloursOf, quantised } from "./patches.js";
import { samplePicture, withNoise } from "./sample.js";
import { PROGRAM } from "./terminal.js";

const SAMPLE_NOISE = 0.1;
/** A pixel on an edge of the balloon: the map of what it attends to shows the edge. */
const SAMPLE_EXPLAIN = { x: 43, y: 60 };

export interface JobFlags {
  readonly output?: string;
  readonly explain?: { readonly x: number; readonly y: number };
  readonly reference?: string;
  readonly force?: boolean;
}

/** Names of the pictures that may be written; all but the first only beside it. */
export type Part = "clean" | "explain" | "sample" | "noisy" | "before-after";

export interface Job {
  readonly title: string;
  readonly picture: Picture;
  /** The clean picture of a sample. */
  readonly sample?: Picture;
  readonly reference?: Float32Array;
  readonly referenceName?: string;
  readonly explain: { readonly x: number; readonly y: number } | undefined;
  /** Undefined: a fresh folder. */
  readonly output: string | undefined;
  readonly outputs: Outputs;
  readonly next: string;
}

export function photoJob(photo: string, flags: JobFlags): Job {
  const picture = readInput(photo, readPng);
  const { output, reference: referenceFile, explain } = flags;
  const suggestion = photo.replace(/(\.png)?$/i, ".clean.png");
  if (output === undefined) throw new InputError(`say where to write the result: -o ${suggestion}`);
  const reference = referenceFile === undefined ? undefined : readReference(referenceFile, coloursOf(picture));
  const outputs = claimPictures(flags, picture, explain, []);
  const title = `${photo}: ${picture.width} x ${picture.height} pixels`;
  const next = explain
    ? ""
    : "next: --explain X,Y shows what one pixel attended to; --strength and --patch change how much is smoothed\n";
  const compared = reference && { reference, referenceName: `against ${referenceFile}` };
  return { title, picture, explain, output, outputs, next, ...compared };
}

export function sampleJob(flags: JobFlags): Job {
  const clean = samplePicture();
  const sample = { ...clean, data: quantised(clean.data, 8) };
  const picture = { ...sample, data: quantised(withNoise(clean.data, SAMPLE_NOISE), 8) };
  if (flags.reference !== undefined) throw new InputError("--reference goes with a picture; the sample brings its own");
  const explain = flags.explain ?? SAMPLE_EXPLAIN;
  return {
    title: `a sample picture of ${picture.width} x ${picture.height} pixels with noise of standard deviation ${SAMPLE_NOISE}`,
    picture,
    sample,
    reference: sample.data,
    referenceName: "against the sample without noise",
    explain,
    output: flags.output,
    outputs: claimPictures(flags, picture, explain, ["sample", "noisy", "before-after"]),
    next: `next: ${PROGRAM} image photo.png -o out.png cleans a picture of yours; ${PROGRAM} run --help takes tensors\n`,
  };
}

function claimPictures(
  { output, force }: JobFlags,
  { width, height }: Picture,
  explain: Job["explain"],
  more: readonly Part[],
): Outputs {
  if (output !== undefined) checkExtension(output, [".png"]);
  if (explain && (explain.x >= width || explain.y >= height)) {
    throw new InputError(
      `--explain ${explain.x},${explain.y} lies outside of the picture, which has ${width} x ${height} pixels (from 0,0)`,
    );
  }
  const outputs = new Outputs(force === true);
  if (output === undefined) checkFreshFolder();
  else
    for (const part of ["clean", ...(explain ? ["explain"] : []), ...more]) outputs.claim(beside(output, part as Part));
  return outputs;
}

/** out.png itself for the result, out.explain.png and so on for the others. */
function beside(output: string, part: Part): string {
  return part === "clean" ? output : output.replace(/\.png$/i, `.${part}.png`);
}

/** Writes all of them, beside the output or in a fresh folder; names of the files. */
export function writePictures({ outputs, output }: Job, pictures: ReadonlyMap<Part, Picture>): string[] {
  const encoded = [...pictures].map(([part, picture]) => [part, writePng(picture)] as const);
  if (output !== undefined) {
    for (const [part, png] of encoded) outputs.put(beside(output, part), png);
    return outputs.commit();
  }
  const folder = makeFreshFolder();
  try {
    for (const [part, png] of encoded) outputs.put(join(folder, `${part}.png`), png);
    return outputs.commit();
  } catch (error) {
    removeEmptyFolder(folder);
    throw error;
  }
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
