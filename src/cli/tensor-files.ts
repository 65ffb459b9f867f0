// Tensors for the command line: read from .npy and .safetensors by the name's ending, checked for NaN, written likewise.
import { type FileTensor, positionOf } from "../formats/file-tensor.js";
import { readNpy, writeNpy } from "../formats/npy.js";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.js";
import { InputError } from "./failure.js";
import { checkExtension, readInput } from "./files.js";

const ENDINGS = [".npy", ".safetensors"] as const;

export const isTensorFile = (name: string) => ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));

/** Every tensor of a file, its numbers not checked; a .npy holds one, without a name. */
export function readTensors(path: string): Map<string, FileTensor> {
  const ending = checkExtension(path, ENDINGS);
  return readInput(path, (file) => (ending === ".npy" ? new Map([["", readNpy(file)]]) : readSafetensors(file)));
}

/** The only tensor of a file. */
export function readTensor(path: string, allowed: readonly NotFinite[] = []): FileTensor {
  const tensors = [...readTensors(path)];
  if (tensors.length !== 1) throw new InputError(`${path}: must hold one tensor; it holds ${tensors.length}`);
  const [name, tensor] = tensors[0]!;
  checkNumbers(tensorName(path, name), tensor, allowed);
  return tensor;
}

export function tensorName(path: string, name: string): string {
  return name ? `${path}: tensor "${name}"` : path;
}

/** Files by what they hold; a .npy takes only the tensor called `output`. */
export function encodeTensors(path: string, tensors: ReadonlyMap<string, FileTensor>): Uint8Array {
  return checkExtension(path, ENDINGS) === ".npy" ? writeNpy(tensors.get("output")!) : writeSafetensors(tensors);
}

export type NotFinite = "NaN" | "Infinity" | "-Infinity";

/** Refuses numbers that are none, except those `allowed`. */
export function checkNumbers(what: string, tensor: FileTensor, allowed: readonly NotFinite[] = []): void {
  const { data, shape, dtype } = tensor;
  if (!["float32", "float16", "bfloat16"].includes(dtype)) return;
  const wrong = (value: number) => {
    const kind = notFinite(value, dtype);
    return kind !== undefined && !allowed.includes(kind);
  };
  const at = (data as Float32Array).findIndex(wrong);
  if (at < 0) return;
  const kind = notFinite(Number(data[at]), dtype);
  throw new InputError(`${what}: is ${kind} at [${positionOf(at, shape).join(", ")}]`);
}

/** What a float is that is no finite number; `value` is its bits where it has sixteen. */
function notFinite(value: number, dtype: FileTensor["dtype"]): NotFinite | undefined {
  if (dtype === "float32") return Number.isFinite(value) ? undefined : (String(value) as NotFinite);
  const exponent = dtype === "float16" ? 0x7c00 : 0x7f80;
  if ((value & exponent) !== exponent) return undefined;
  if (value & 0x7fff & ~exponent) return "NaN";
  return value & 0x8000 ? "-Infinity" : "Infinity";
}
