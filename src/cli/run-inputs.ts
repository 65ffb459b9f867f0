// Which tensors a run is about: query, key and value, and the optional ones that lie beside them in a .safetensors file.
import type { FileTensor } from "../formats/file-tensor.js";
import { InputError } from "./failure.js";
import { checkNumbers, type NotFinite, readTensor, readTensors, tensorName } from "./tensor-files.js";
import { PROGRAM } from "./terminal.js";

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
  /** Found beside them in the file; `where` names the file and what the tensor is called there. */
  readonly optional: ReadonlyMap<OptionalTensor, { readonly tensor: FileTensor; readonly where: string }>;
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
    throw new InputError(`give a file of tensors, or --query, --key and --value; ${PROGRAM} run --help shows how`);
  }
  const query = readTensor(flags.query);
  if (named.length === 1) return { query, key: query, value: query, self: true, optional: new Map() };
  if (flags.key === undefined || flags.value === undefined) {
    const missing = flags.key === undefined ? "--key" : "--value";
    throw new InputError(`${missing} is missing: give --query, --key and --value, or --query alone for self-attention`);
  }
  return { query, key: readTensor(flags.key), value: readTensor(flags.value), self: false, optional: new Map() };
}

/** What is added to a score may be -Infinity, which hides the key or takes the sink away. */
export function allowedIn(name: OptionalTensor): readonly NotFinite[] {
  return ["bias", "relativebias", "bucketedbias", "sinks"].includes(name) ? ["-Infinity"] : [];
}

/** One file: query, key and value (or q, k and v) and options by their names; a single tensor is all three. */
function readTogether(path: string): RunInputs {
  const originals = readTensors(path);
  const found = new Map<string, { tensor: FileTensor; where: string; original: string }>();
  for (const [original, tensor] of originals) {
    const plain = original.toLowerCase().replace(/[-_]/g, "");
    const name = { q: "query", k: "key", v: "value" }[plain] ?? plain;
    const twin = found.get(name);
    if (twin) throw new InputError(`${path}: holds both "${twin.original}" and "${original}": which is the ${name}?`);
    const where = tensorName(path, original);
    checkNumbers(where, tensor, originals.size > 1 ? allowedIn(name as OptionalTensor) : []);
    found.set(name, { tensor, where, original });
  }
  const optional: Map<OptionalTensor, { tensor: FileTensor; where: string }> = new Map();
  for (const name of originals.size > 1 ? OPTIONAL : []) {
    const option = found.get(name);
    if (option) optional.set(name, option);
    found.delete(name);
  }
  const [query, key, value] = ["query", "key", "value"].map((name) => found.get(name)?.tensor);
  if (found.size === 3 && query && key && value) return { query, key, value, self: false, optional };
  const [only] = found.values();
  if (found.size === 1 && only) {
    const { tensor } = only;
    return { query: tensor, key: tensor, value: tensor, self: true, optional };
  }
  const names = [...originals.keys()].slice(0, 12).map((name) => `"${name}"`);
  throw new InputError(
    `${path}: must hold query, key and value (or q, k and v) or a single tensor, and options by their names; it holds ${names.join(", ") || "nothing"}`,
  );
}

/** Sizes of a call, as far as its tensors have such axes: of rank 2 and more, in either layout. */
export function sizesOf({ query, key, value }: RunInputs, layout: "BHSD" | "BSHD" | undefined) {
  const rank = query.shape.length;
  const [length, heads] = layout === "BSHD" && rank >= 3 ? [-3, -2] : [-2, -3];
  return {
    batch: query.shape.slice(0, -3).reduce((product, size) => product * size, 1),
    heads: rank < 3 ? 1 : query.shape.at(heads)!,
    queries: query.shape.at(length) ?? 0,
    keys: key.shape.at(length) ?? 0,
    width: value.shape.at(-1) ?? 0,
  };
}
