// Safetensors: an 8-byte length, a JSON header, and the bytes of the tensors. No well-kept JavaScript library reads it.
// Source: https://github.com/huggingface/safetensors (README, "Format"). Nothing is allocated before all is checked.
import { type DType, ELEMENT_BYTES } from "../host-tensor.js";
import { asBooleans, asFloat32, bytesOfShape, FormatError, type FileTensor, rawBytes } from "./file-tensor.js";
import { repeatedKey } from "./json-keys.js";

/** The limit of the reference implementation. */
const MAX_HEADER = 100_000_000;

const TYPES: Record<string, { bytes: number; dtype: DType }> = {
  F16: { bytes: 2, dtype: "float16" },
  BF16: { bytes: 2, dtype: "bfloat16" },
  F32: { bytes: 4, dtype: "float32" },
  F64: { bytes: 8, dtype: "float32" },
  I32: { bytes: 4, dtype: "int32" },
  I64: { bytes: 8, dtype: "int64" },
  BOOL: { bytes: 1, dtype: "bool" },
  U8: { bytes: 1, dtype: "bool" },
};
const NAMES: Record<DType, string> = {
  float16: "F16",
  bfloat16: "BF16",
  float32: "F32",
  int32: "I32",
  int64: "I64",
  bool: "BOOL",
};

interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/** Reads every tensor, in the order of the header; throws FormatError. */
export function readSafetensors(file: Uint8Array): Map<string, FileTensor> {
  if (file.length === 0) throw new FormatError("the file is empty");
  if (file.length < 8) throw new FormatError("the file is cut short: it ends before the length of its header");
  const length = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true);
  if (length > MAX_HEADER) {
    throw new FormatError(
      `is no .safetensors file, or a damaged one: it claims a header of ${length} bytes; at most ${MAX_HEADER}`,
    );
  }
  const dataOffset = 8 + Number(length);
  if (dataOffset > file.length) {
    throw new FormatError(`the file is cut short: it claims a header of ${length} bytes and ends inside it`);
  }
  const entries = readHeader(file.subarray(8, dataOffset));
  checkCoverage(entries, file.length - dataOffset);
  return new Map(entries.map((entry) => [entry.name, readTensor(file, dataOffset, entry)]));
}

/** Writes the tensors; wide elements first, so that all of them lie aligned. */
export function writeSafetensors(tensors: ReadonlyMap<string, FileTensor>): Uint8Array<ArrayBuffer> {
  const order = [...tensors].sort(([, a], [, b]) => ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype]);
  const parts = order.map(([name, tensor]) => rawBytes(tensor, `tensor "${name}"`));
  let end = 0;
  const header = Object.fromEntries(
    order.map(([name, { dtype, shape }], i) => {
      const begin = end;
      end += parts[i]!.length;
      return [name, { dtype: NAMES[dtype], shape, data_offsets: [begin, end] }];
    }),
  );
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerLength + end).fill(0x20, 8, 8 + headerLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(json, 8);
  let at = 8 + headerLength;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function readHeader(bytes: Uint8Array): Entry[] {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    throw new FormatError("is no .safetensors file, or a damaged one: its header is not JSON");
  }
  if (!isRecord(header) || !text.startsWith("{")) throw new FormatError("the header is not a JSON object");
  const twice = repeatedKey(text);
  if (twice !== undefined) throw new FormatError(`the header names ${JSON.stringify(twice)} twice`);
  return Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readEntry(name, value));
}

function readEntry(name: string, value: unknown): Entry {
  const what = `tensor ${JSON.stringify(name.slice(0, 60))}`;
  if (!isRecord(value)) throw new FormatError(`${what} is described by something other than an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const known = typeof dtype === "string" && Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
  if (!known) {
    const readable = Object.keys(TYPES).join(", ");
    throw new FormatError(`${what} has the dtype ${JSON.stringify(dtype) ?? "of nothing"}; ${readable} are read`);
  }
  if (!Array.isArray(shape)) throw new FormatError(`${what} has no shape`);
  const expected = bytesOfShape(shape, known.bytes, what);
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isOffset(begin) || !isOffset(end) || end < begin) {
    throw new FormatError(
      `${what} has the data_offsets ${JSON.stringify(offsets) ?? "of nothing"}, which are no range`,
    );
  }
  if (end - begin !== expected) {
    throw new FormatError(
      `${what} of shape [${shape.join(", ")}] and dtype ${dtype} needs ${expected} bytes, its data_offsets give ${end - begin}`,
    );
  }
  return { name, type: dtype as string, shape: shape as number[], begin, end };
}

/** Every byte of the data belongs to exactly one tensor. */
function checkCoverage(entries: readonly Entry[], dataLength: number): void {
  let at = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const what = `tensor ${JSON.stringify(name.slice(0, 60))}`;
    if (end > dataLength) {
      throw new FormatError(`the file is cut short: ${what} ends at byte ${end} of the data, which has ${dataLength}`);
    }
    if (begin < at) throw new FormatError(`${what} overlaps another tensor at byte ${begin} of the data`);
    if (begin > at) throw new FormatError(`bytes ${at} to ${begin} of the data belong to no tensor`);
    at = end;
  }
  if (at < dataLength) throw new FormatError(`the last ${dataLength - at} bytes of the file belong to no tensor`);
}

function readTensor(file: Uint8Array, dataOffset: number, entry: Entry): FileTensor {
  const { dtype } = TYPES[entry.type]!;
  const bytes = new Uint8Array(file.subarray(dataOffset + entry.begin, dataOffset + entry.end)); // a copy, so it is aligned
  const { shape } = entry;
  const what = `tensor ${JSON.stringify(entry.name)}`;
  switch (entry.type) {
    case "F64":
      return { data: asFloat32(new Float64Array(bytes.buffer), shape, what), shape, dtype };
    case "F32":
      return { data: new Float32Array(bytes.buffer), shape, dtype };
    case "F16":
    case "BF16":
      return { data: new Uint16Array(bytes.buffer), shape, dtype };
    case "I32":
      return { data: new Int32Array(bytes.buffer), shape, dtype };
    case "I64":
      return { data: new BigInt64Array(bytes.buffer), shape, dtype };
    default:
      return { data: asBooleans(bytes, what), shape, dtype };
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOffset(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
