// Which tensors a run is about: query, key and value, and the optional ones that lie beside them in a .safetensors file.
import type { FileTensor } from "../formats/file-tensor.js";
import { InputError } from "./failure.js";
import { readTensor, readTensors } from "./tensor-files.js";

/** Options of attention that are tensors, by the name of their flag without dashes. */
const OPTIONAL = [
  "mask",
  "bias",
  "blockmask",
  "keylengths",
  "querylengths",
  "segments",
  "keysegments",
  "alibislopes",
  "relativebias",
  "bucketedbias",
  "sinks",
] as const;
export type OptionalTensor = (typeof OPTIONAL)[number];

export interface RunInputs {
  readonly query: FileTensor;
  readonly key: FileTensor;
  readonly value: FileTensor;
  /** True where one tensor is all three. */
  readonly self: boolean;
  /** Found beside them in the file. */
  readonly optional: ReadonlyMap<OptionalTensor, FileTensor>;
}

export interface InputFlags {
  readonly query?: string;
  readonly key?: string;
  readonly value?: string;
}

export function readInputs(path: string | undefined, flags: InputFlags): RunInputs {
  const named = [flags.query, flags.key, flags.value].filter((file) => file !== undefined);
  if (path !== undefined && named.length > 0) {
    throw new InputError("give either one file or --query, --key and --value, not both");
  }
  if (path !== undefined) return readTogether(path);
  if (flags.query === undefined) {
    throw new InputError("give a file of tensors, or --query, --key and --value; attention-wasm run --help shows how");
  }
  const query = readTensor(flags.query);
  if (named.length === 1) return { query, key: query, value: query, self: true, optional: new Map() };
  if (flags.key === undefined || flags.value === undefined) {
    const missing = flags.key === undefined ? "--key" : "--value";
    throw new InputError(`${missing} is missing: give --query, --key and --value, or --query alone for self-attention`);
  }
  return { query, key: readTensor(flags.key), value: readTensor(flags.value), self: false, optional: new Map() };
}

/** One file: query, key and value (or q, k and v) and options by their names; a single tensor is all three. */
function readTogether(path: string): RunInputs {
  const optional = new Map<OptionalTensor, FileTensor>();
  const main = new Map<string, FileTensor>();
  const originals = readTensors(path);
  for (const [name, tensor] of originals) {
    const plain = name.toLowerCase().replace(/[-_]/g, "");
    const option = OPTIONAL.find((known) => known === plain);
    if (option && originals.size > 1) optional.set(option, tensor);
    else main.set({ q: "query", k: "key", v: "value" }[plain] ?? plain, tensor);
  }
  const [query, key, value] = ["query", "key", "value"].map((name) => main.get(name));
  if (main.size === 3 && query && key && value) return { query, key, value, self: false, optional };
  const [only] = main.values();
  if (main.size === 1 && only) return { query: only, key: only, value: only, self: true, optional };
  const names = [...originals.keys()].slice(0, 12).map((name) => `"${name}"`);
  throw new InputError(
    `${path}: must hold query, key and value (or q, k and v) or a single tensor, and options by their names; it holds ${names.join(", ") || "nothing"}`,
  );
}
