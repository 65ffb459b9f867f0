// Finds the reference cases and reads their tensors: from torch.zip beside this file, and in place from a folder of
// reference data where there is one (its README tells the format).
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { parse } from "npyjs";
import type { HostTensor } from "../../src/index.js";
import { belongsToTorch, type IndexEntry } from "./selection.js";

/** Tests run with the project as the working directory. */
const ZIP = "test/conformance/torch.zip";
const FOLDER = process.env.CONFORMANCE_DIR ?? "../shared/conformance";

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** A tensor as case.json describes it. */
export interface Described {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file: string;
  readonly role?: string;
  readonly tolerance?: Tolerance;
}

/** What a case expects: host arrays as they were stored, float64 among them. */
export interface Expected {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number> | BigInt64Array;
  readonly tolerance: Tolerance;
}

export interface Case {
  readonly name: string;
  readonly group: string;
  readonly op: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** In operator order, null where an optional one is absent; without the incoming gradients. */
  readonly inputs: readonly (NamedTensor | null)[];
  /** Without gradients. */
  readonly outputs: readonly (Expected | null)[];
  /** How many gradient outputs the case has besides. */
  readonly gradients: number;
  /** Why it could not be read: then the case fails. */
  readonly unreadable?: unknown;
}

export type NamedTensor = HostTensor & { readonly name: string };

/** Reads one file of one case. */
type Reader = (file: string) => Uint8Array;

/** Every torch case, the zip's first, and where they came from. */
export function torchCases(): { cases: Case[]; sources: string[] } {
  const zip = unzipSync(readFileSync(ZIP));
  const fromZip: Reader = (file) => {
    const bytes = zip[file];
    if (!bytes) throw new Error(`${ZIP} has no ${file}`);
    return bytes;
  };
  const packed = indexOf(fromZip);
  const cases = packed.map((entry) => readCase(entry, fromZip));
  const sources = [`${packed.length} torch cases in ${ZIP}`];

  const folder = join(FOLDER, "torch");
  if (existsSync(join(folder, "index.json"))) {
    const inPlace: Reader = (file) => readFileSync(join(folder, file));
    const known = new Set(packed.map(({ name }) => name));
    const more = indexOf(inPlace).filter((entry) => belongsToTorch(entry) && !known.has(entry.name));
    cases.push(...more.map((entry) => readCase(entry, inPlace)));
    sources.push(`${more.length} more in ${folder}`);
  }
  return { cases, sources };
}

/** Every ONNX case, or undefined where the folder is not there. */
export function onnxCases(): { cases: Case[] | undefined; source: string } {
  const folder = join(FOLDER, "onnx");
  if (!existsSync(join(folder, "index.json"))) {
    return { cases: undefined, source: `${folder} is not there: the ONNX cases are not run` };
  }
  const inPlace: Reader = (file) => readFileSync(join(folder, file));
  const cases = indexOf(inPlace).map((entry) => readCase(entry, inPlace));
  return { cases, source: `${cases.length} onnx cases in ${folder}` };
}

function indexOf(read: Reader): IndexEntry[] {
  return JSON.parse(new TextDecoder().decode(read("index.json"))) as IndexEntry[];
}

interface CaseFile {
  readonly op: string;
  readonly group?: string;
  readonly attributes?: Record<string, unknown>;
  readonly inputs: (Described | null)[];
  readonly outputs: (Described | null)[];
  readonly tolerance: Tolerance;
  readonly gradients?: number;
}

function readCase(entry: IndexEntry, read: Reader): Case {
  try {
    return readWholeCase(entry, read);
  } catch (unreadable) {
    const { name, op, group = "onnx" } = entry;
    return { name, op, group, attributes: {}, inputs: [], outputs: [], gradients: 0, unreadable };
  }
}

function readWholeCase({ name }: IndexEntry, read: Reader): Case {
  const file = JSON.parse(new TextDecoder().decode(read(`${name}/case.json`))) as CaseFile;
  const load = (described: Described) => readTensor(described, read(`${name}/${described.file}`));
  const outputs = file.outputs.filter((output) => output?.role !== "grad");
  return {
    name,
    group: file.group ?? "onnx",
    op: file.op,
    attributes: file.attributes ?? {},
    inputs: file.inputs
      .filter((input) => input?.role !== "grad_output")
      .map((input) => input && ({ name: input.name, ...load(input) } as unknown as NamedTensor)),
    outputs: outputs.map(
      (output) => output && { name: output.name, ...load(output), tolerance: output.tolerance ?? file.tolerance },
    ),
    gradients: file.gradients ?? file.outputs.length - outputs.length,
  };
}

function readTensor(described: Described, bytes: Uint8Array) {
  // A copy of its own: the parser makes views that need aligned memory
  const { data, shape, fortranOrder } = parse(new Uint8Array(bytes).buffer, { convertFloat16: false });
  if (fortranOrder) throw new Error(`${described.file} is in Fortran order`);
  if (String(shape) !== String(described.shape)) {
    throw new Error(`${described.file} has shape [${shape}], its case says [${described.shape}]`);
  }
  const stored = described.dtype === "bool" ? Uint8Array.from(data as unknown as ArrayLike<number>, Number) : data;
  return {
    data: stored as unknown as ArrayLike<number>,
    shape: [...described.shape],
    dtype: described.dtype,
  };
}
