// NumPy's .npy through npyjs, which trusts its input: everything it would get wrong is checked here first.
// Source: numpy.lib.format (versions 1.0 to 3.0).
import { dump, parse } from "npyjs";
import type { DType } from "../host-tensor.js";
import { asBooleans, asFloat32, bytesOfShape, FormatError, type FileTensor, rawBytes } from "./file-tensor.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"
/** numpy itself refuses to parse longer headers unless told to trust them. */
const MAX_HEADER = 10_000;

/** What we read: the type without its byte order, the bytes of an element, and what it becomes. */
const TYPES: Record<string, { bytes: number; dtype: DType }> = {
  f2: { bytes: 2, dtype: "float16" },
  f4: { bytes: 4, dtype: "float32" },
  f8: { bytes: 8, dtype: "float32" },
  i4: { bytes: 4, dtype: "int32" },
  i8: { bytes: 8, dtype: "int64" },
  b1: { bytes: 1, dtype: "bool" },
  u1: { bytes: 1, dtype: "bool" },
};
const READABLE = "float16, float32, float64, int32, int64 and bool";

interface Header {
  /** Bytes before the data. */
  readonly dataOffset: number;
  readonly type: string;
  readonly shape: number[];
}

/** Reads one array; throws FormatError. */
export function readNpy(file: Uint8Array): FileTensor {
  const header = readHeader(file);
  const { bytes, dtype } = TYPES[header.type]!;
  const expected = bytesOfShape(header.shape, bytes, "the header");
  const found = file.length - header.dataOffset;
  if (found !== expected) {
    const fault = found < expected ? "the file is cut short" : "the header and the data disagree";
    throw new FormatError(
      `${fault}: shape [${header.shape.join(", ")}] of ${bytes}-byte elements needs ${expected} bytes of data, the file has ${found}`,
    );
  }
  const parsed = parse(aligned(file, header), { convertFloat16: false }).data as unknown;
  const data =
    parsed instanceof Float64Array
      ? asFloat32(parsed, header.shape, "the array")
      : dtype === "bool"
        ? asBooleans(new Uint8Array(file.subarray(header.dataOffset)), "the array")
        : (parsed as FileTensor["data"]);
  return { data, shape: header.shape, dtype };
}

/** Writes one array, as numpy.load reads it. */
export function writeNpy(tensor: FileTensor): Uint8Array {
  if (tensor.dtype === "bfloat16") {
    throw new FormatError("numpy has no bfloat16; write .safetensors instead");
  }
  rawBytes(tensor, "the array"); // data must fit the shape
  const type = ({ float16: "f2", float32: "f4", int32: "i4", int64: "i8", bool: "b1" } as const)[tensor.dtype];
  return new Uint8Array(dump(tensor.data, [...tensor.shape], { dtype: type }));
}

function readHeader(file: Uint8Array): Header {
  if (file.length < MAGIC.length || MAGIC.some((byte, i) => file[i] !== byte)) {
    throw new FormatError(
      file.length === 0 ? "the file is empty" : "is no .npy file (it does not begin with \\x93NUMPY)",
    );
  }
  const major = file[6];
  const lengthBytes = major === 1 ? 2 : 4;
  if (file.length < 8 + lengthBytes) throw new FormatError("the file is cut short: it ends inside the header");
  if (major === undefined || major < 1 || major > 3)
    throw new FormatError(`has .npy version ${major}; 1 to 3 are read`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = lengthBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = 8 + lengthBytes + length;
  if (length > MAX_HEADER) throw new FormatError(`claims a header of ${length} bytes; at most ${MAX_HEADER} are read`);
  if (dataOffset > file.length) {
    throw new FormatError(`the file is cut short: it claims a header of ${length} bytes and ends inside it`);
  }
  return { dataOffset, ...parseHeader(new TextDecoder("latin1").decode(file.subarray(8 + lengthBytes, dataOffset))) };
}

/** The header is a Python dictionary of exactly three entries. */
function parseHeader(text: string): { type: string; shape: number[] } {
  const entry =
    /'(descr|fortran_order|shape)'\s*:\s*('[^']*'|True|False|\([\d\s,L+-]*\)|\[[^\]]*\])\s*(?:,\s*|(?=\}))/y;
  const body = /^\s*\{\s*/.exec(text);
  const entries = new Map<string, string>();
  let at = body ? body[0].length : 0;
  for (;;) {
    entry.lastIndex = at;
    const match = body && entry.exec(text);
    if (!match) break;
    if (entries.has(match[1]!)) throw new FormatError(`the header names '${match[1]}' twice`);
    entries.set(match[1]!, match[2]!);
    at = entry.lastIndex;
  }
  const [descr, fortran, shape] = ["descr", "fortran_order", "shape"].map((name) => entries.get(name));
  if (!/^\}\s*$/.test(text.slice(at)) || !descr || !fortran?.match(/^(True|False)$/) || !shape?.startsWith("(")) {
    throw new FormatError("the header is not the dictionary of descr, fortran_order and shape that numpy writes");
  }
  if (descr.startsWith("[")) throw new FormatError(`holds a structured array; ${READABLE} are read`);
  const type = elementType(descr);
  const sizes = shape
    .slice(1, -1)
    .split(",")
    .map((size) => size.trim());
  if (sizes.at(-1) === "") sizes.pop(); // "(3,)" and "()"
  if (sizes.some((size) => !/^-?\d+$/.test(size)))
    throw new FormatError(`the header has the shape ${shape}, which is no shape`);
  if (fortran === "True" && sizes.length > 1) {
    throw new FormatError("is stored in Fortran order; save numpy.ascontiguousarray(array) instead");
  }
  return { type, shape: sizes.map(Number) };
}

function elementType(descr: string): string {
  const [, order, type] = /^'([<>=|]?)([a-zA-Z]\d*)'$/.exec(descr) ?? [];
  const known = type === undefined ? undefined : TYPES[type];
  if (!known) throw new FormatError(`has elements of type ${descr}; ${READABLE} are read`);
  if (order === ">" && known.bytes > 1) {
    throw new FormatError(`is big-endian (${descr}); save array.astype("<${type}") instead`);
  }
  if (order !== "<" && known.bytes > 1) throw new FormatError(`has elements of type ${descr} without a byte order`);
  return type!;
}

/** The same file in memory of its own, its data where a typed array may begin, in the one spelling npyjs understands. */
function aligned(file: Uint8Array, header: Header): ArrayBuffer {
  const shape = header.shape.length === 1 ? `${header.shape[0]},` : header.shape.join(", ");
  const text = `{'descr': '<${header.type}', 'fortran_order': False, 'shape': (${shape}), }`;
  const dataOffset = Math.ceil((10 + text.length + 1) / 64) * 64;
  const copy = new Uint8Array(dataOffset + file.length - header.dataOffset);
  copy.set([...MAGIC, 1, 0, (dataOffset - 10) & 255, (dataOffset - 10) >> 8]);
  copy.set(new TextEncoder().encode(`${text.padEnd(dataOffset - 11)}\n`), 10);
  copy.set(file.subarray(header.dataOffset), dataOffset);
  return copy.buffer;
}
