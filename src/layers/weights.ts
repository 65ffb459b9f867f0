// Weights from files: safetensors with PyTorch's state_dict names, checked as a whole before anything is written.
import { DTYPE_BFLOAT16, DTYPE_FLOAT16, DTYPE_FLOAT32 } from "../engine/abi.generated.js";
import { knownOptions } from "../checks.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { FormatError } from "../formats/file-tensor.js";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.js";
import { type CheckedHostTensor, checkHostTensor, type DType, type HostTensor } from "../host-tensor.js";
import { elements, showShape } from "../shape.js";
import { layerKernels } from "./kernels.js";
import { Module } from "./module.js";
import type { Parameter } from "./parameter.js";

/** A .safetensors file as bytes, or tensors by name. */
export type WeightSource =
  | Uint8Array
  | ArrayBuffer
  | ReadonlyMap<string, HostTensor>
  | Readonly<Record<string, HostTensor>>;

export interface LoadWeightsOptions {
  /** Only entries whose name starts so, with the rest as their name: one layer's part of a model's file. */
  readonly prefix?: string;
}

const CODES: Partial<Record<DType, number>> = {
  float32: DTYPE_FLOAT32,
  float16: DTYPE_FLOAT16,
  bfloat16: DTYPE_BFLOAT16,
};
/** Names a message shows of each kind. */
const MOST_SHOWN = 10;

/**
 * Fills every parameter of a module, as torch's `load_state_dict(strict=True)`: names and shapes must be the module's exactly.
 * float16, bfloat16 and float64 entries become float32.
 * @throws RangeError ERR_WEIGHTS naming all missing, surplus and wrongly shaped entries, or saying what is wrong with the
 *   file; then nothing was written
 */
export function loadWeights(module: Module, source: WeightSource, options: LoadWeightsOptions = {}): void {
  if (!(module instanceof Module)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `module must be a layer: got ${show(module)}`);
  }
  knownOptions(options, ["prefix"]);
  const { prefix = "" } = options;
  if (typeof prefix !== "string") throw wrongKind("ERR_ARGUMENT_TYPE", `prefix must be a string: got ${show(prefix)}`);
  module.open();
  const entries = select(readEntries(source), prefix);
  const parameters = module.parameters();
  checkEntries(parameters, entries);
  write(module, parameters, entries);
}

function readEntries(source: WeightSource): Map<string, CheckedHostTensor> {
  let tensors: Iterable<readonly [string, unknown]>;
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
    try {
      tensors = readSafetensors(source instanceof Uint8Array ? source : new Uint8Array(source));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw wrongValue("ERR_WEIGHTS", `the weights cannot be read: ${error.message}`, { cause: error });
    }
  } else if (source instanceof Map) {
    tensors = source;
  } else if (typeof source === "object" && source !== null && !ArrayBuffer.isView(source)) {
    tensors = Object.entries(source);
  } else {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `source must be the bytes of a .safetensors file, a Map or an object of tensors: got ${show(source)}`,
    );
  }
  return new Map(Array.from(tensors, ([name, tensor]) => [String(name), checkHostTensor(name, tensor)]));
}

function select(entries: Map<string, CheckedHostTensor>, prefix: string): Map<string, CheckedHostTensor> {
  if (prefix === "") return entries;
  return new Map(
    [...entries].filter(([name]) => name.startsWith(prefix)).map(([name, entry]) => [name.slice(prefix.length), entry]),
  );
}

function checkEntries(parameters: Map<string, Parameter>, entries: Map<string, CheckedHostTensor>): void {
  const missing = [...parameters.keys()].filter((name) => !entries.has(name));
  const surplus = [...entries.keys()].filter((name) => !parameters.has(name));
  const misfits = [...parameters].flatMap(([name, { shape }]) => {
    const entry = entries.get(name);
    if (!entry) return [];
    if (String(entry.shape) !== String(shape) || entry.shape.length !== shape.length) {
      return [`${name} ${showShape(entry.shape)} instead of ${showShape(shape)}`];
    }
    return CODES[entry.dtype] === undefined ? [`${name} of ${entry.dtype} instead of floats`] : [];
  });
  const parts = [
    ["missing", missing],
    ["surplus", surplus],
    ["wrong", misfits],
  ] as const;
  const wrong = parts.filter(([, names]) => names.length > 0);
  if (wrong.length === 0) return;
  const text = wrong.map(([word, names]) => {
    const more = names.length > MOST_SHOWN ? ` and ${names.length - MOST_SHOWN} more` : "";
    return `${word}: ${names.slice(0, MOST_SHOWN).join(", ")}${more}`;
  });
  throw wrongValue("ERR_WEIGHTS", `the weights do not fit the layer; ${text.join("; ")}`);
}

/** Room for the largest entry is taken first, so that running out of memory leaves everything as it was. */
function write(module: Module, parameters: Map<string, Parameter>, entries: Map<string, CheckedHostTensor>): void {
  const { core } = module;
  const sizes = [...entries.values()].map(({ shape }) => elements(shape));
  core.call((scope) => {
    const most = Math.max(1, ...sizes);
    const raw = scope.allocate(most * 4);
    const wide = scope.allocate(most * 4);
    const kernels = layerKernels(core);
    for (const [name, parameter] of parameters) {
      const { bytes, shape, dtype } = entries.get(name)!;
      new Uint8Array(core.memory.memory.buffer, raw, bytes.length).set(bytes);
      const code = CODES[dtype]!;
      if (code !== DTYPE_FLOAT32) kernels.widenRow(raw, wide, elements(shape), code);
      parameter.assign(code === DTYPE_FLOAT32 ? raw : wide);
    }
  });
}

/** A copy of all values by name, as torch's `state_dict()`. */
export function stateDict(module: Module): Map<string, HostTensor<Float32Array<ArrayBuffer>>> {
  module.open();
  return new Map([...module.parameters()].map(([name, parameter]) => [name, parameter.toHost()]));
}

/** The values of all parameters as the bytes of a .safetensors file, under the names of `loadWeights`. */
export function saveWeights(module: Module): Uint8Array<ArrayBuffer> {
  module.ready();
  return writeSafetensors(
    new Map([...stateDict(module)].map(([name, tensor]) => [name, { ...tensor, dtype: "float32" }])),
  );
}
