// Files byte by byte, right and wrong, without the code under test.
import { zlibSync } from "fflate";

/** `claim`: a header length that is not the true one. */
export function npyFile(header: string, data: Uint8Array, { version = 1, padTo = 64, claim = 0 } = {}): Uint8Array {
  const prefix = version === 1 ? 10 : 12;
  const length = Math.ceil((prefix + header.length + 1) / padTo) * padTo - prefix;
  const file = new Uint8Array(prefix + length + data.length);
  file.set([0x93, ...new TextEncoder().encode("NUMPY"), version, 0]);
  const view = new DataView(file.buffer);
  if (version === 1) view.setUint16(8, claim || length, true);
  else view.setUint32(8, claim || length, true);
  file.set(new TextEncoder().encode(`${header.padEnd(length - 1)}\n`), prefix);
  file.set(data, prefix + length);
  return file;
}

export function safetensorsFile(header: string, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlace?: number;
  /** Lines with their filter bytes. */
  readonly raw: readonly number[];
  /** Compressed data in place of `raw`: one IDAT for each. */
  readonly idat?: Uint8Array | readonly Uint8Array[];
  readonly extra?: Record<string, Uint8Array>;
}

export function pngFile({
  width,
  height,
  depth,
  colourType,
  interlace = 0,
  raw,
  idat,
  extra = {},
}: PngParts): Uint8Array {
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([depth, colourType, 0, 0, interlace], 8);
  const chunks: [string, Uint8Array][] = [
    ["IHDR", header],
    ...Object.entries(extra),
    ...[idat ?? zlibSync(Uint8Array.from(raw))].flat().map((data): [string, Uint8Array] => ["IDAT", data]),
    ["IEND", new Uint8Array(0)],
  ];
  const parts = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  for (const [type, data] of chunks) {
    const body = [...new TextEncoder().encode(type), ...data];
    parts.push(...bigEndian(data.length), ...body, ...bigEndian(crc(body)));
  }
  return Uint8Array.from(parts);
}

const bigEndian = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function crc(bytes: readonly number[]): number {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  }
  return (c ^ 0xffffffff) >>> 0;
}
