// Tensors for the command line: read from .npy and .safetensors by the name's ending, checked for NaN, written likewise.
import type { FileTensor } from "../formats/file-tensor.js";
import { readNpy, writeNpy } from "../formats/npy.js";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.js";
import { InputError } from "./failure.js";
import { checkExtension, readInput } from "./files.js";

const ENDINGS = [".npy", ".safetensors"] as const;

/** Every tensor of a file; a .npy holds one, without a name. */
export function readTensors(path: string): Map<string, FileTensor> {
  const ending = checkExtension(path, ENDINGS);
  const tensors = readInput(path, (file) =>
    ending === ".npy" ? new Map([["", readNpy(file)]]) : readSafetensors(file),
  );
  for (const [name, tensor] of tensors) checkNumbers(name ? `${path}: tensor "${name}"` : path, tensor);
  return tensors;
}

/** The only tensor of a file. */
export function readTensor(path: string): FileTensor {
  const tensors = [...readTensors(path).values()];
  if (tensors.length !== 1) throw new InputError(`${path}: must hold one tensor; it holds ${tensors.length}`);
  return tensors[0]!;
}

/** Files by what they hold; a .npy takes only the tensor called `output`. */
export function encodeTensors(path: string, tensors: ReadonlyMap<string, FileTensor>): Uint8Array {
  return checkExtension(path, ENDINGS) === ".npy" ? writeNpy(tensors.get("output")!) : writeSafetensors(tensors);
}

/** NaN is never right. Infinity may be (a bias of -Infinity hides a key), so it is left to the result. */
export function checkNumbers(what: string, { data, shape, dtype }: FileTensor): void {
  const at = (data as Float32Array).findIndex((value) => isNotANumber(value, dtype));
  if (at < 0) return;
  const position: number[] = [];
  shape.reduceRight((rest, size) => {
    position.unshift(rest % size);
    return Math.floor(rest / size);
  }, at);
  throw new InputError(`${what}: is NaN at [${position.join(", ")}]`);
}

function isNotANumber(value: number, dtype: FileTensor["dtype"]): boolean {
  if (dtype === "float32") return Number.isNaN(value);
  if (dtype === "float16") return (value & 0x7fff) > 0x7c00;
  return dtype === "bfloat16" && (value & 0x7fff) > 0x7f80;
}
