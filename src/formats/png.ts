// Pictures: PNG through fast-png, as float32 [height, width, channels] from 0 to 1.
// Source: https://www.w3.org/TR/png-3/. Sizes are checked before anything is decoded; only the chunks that carry
// pixels reach the decoder, so damaged or hostile extras (profiles, texts, animation) cannot do harm.
import { decode, encode } from "fast-png";
import { Unzlib } from "fflate";
import { FormatError } from "./file-tensor.js";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha */
  readonly channels: number;
  /** [height, width, channels], 0 to 1 */
  readonly data: Float32Array;
  /** Bits of a channel in the file. */
  readonly depth: 8 | 16;
}

/** About 8000 x 8000; as float32 RGB that is 768 MB. */
const MAX_PIXELS = 64_000_000;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** The parts without which no picture can be understood. */
const CRITICAL = ["IHDR", "PLTE", "IDAT", "IEND"];
/** Samples per pixel in the file, and the bit depths allowed, by colour type. */
const COLOUR_TYPES: Record<number, { samples: number; depths: readonly number[] }> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly samples: number;
  readonly interlaced: boolean;
}

/** Reads a PNG; throws FormatError, naming what the file is where that can be told. */
export function readPng(file: Uint8Array): Picture {
  if (SIGNATURE.some((byte, i) => file[i] !== byte)) throw new FormatError(whatItIs(file));
  const chunks = readChunks(file);
  const header = readHeader(chunks[0]!);
  checkData(chunks, header);
  const kept = chunks.filter(({ type }, i) => i === 0 || ["PLTE", "tRNS", "IDAT", "IEND"].includes(type));
  let png: ReturnType<typeof decode>;
  try {
    png = decode(join(file, kept), { checkCrc: true });
  } catch (error) {
    throw new FormatError(`the PNG is damaged: ${(error as Error).message}`);
  }
  const samples = header.depth < 8 ? unpack(png.data, header) : png.data;
  if (header.colourType === 3) return fromPalette(samples, header, png.palette);
  return fromSamples(samples, header, png.transparency);
}

/** Writes a PNG; values outside 0 to 1 are clipped. */
export function writePng(picture: Picture): Uint8Array {
  const { width, height, channels, depth } = picture;
  const top = depth === 16 ? 65535 : 255;
  const data = depth === 16 ? new Uint16Array(picture.data.length) : new Uint8Array(picture.data.length);
  for (let i = 0; i < data.length; i++) data[i] = Math.round(Math.min(1, Math.max(0, picture.data[i]!)) * top);
  return encode({ width, height, channels, depth, data }, { zlib: { level: 6 } });
}

interface Chunk {
  readonly type: string;
  /** Where its length field begins, and where the next chunk begins. */
  readonly start: number;
  readonly end: number;
  readonly data: Uint8Array;
}

function readChunks(file: Uint8Array): Chunk[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; chunks.at(-1)?.type !== "IEND"; ) {
    if (at + 12 > file.length) throw new FormatError("the PNG is cut short");
    const length = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > file.length) throw new FormatError("the PNG is cut short");
    // A small first letter marks what a reader may pass over
    if (!(file[at + 4]! & 32) && !CRITICAL.includes(type)) {
      throw new FormatError(
        `the PNG has a part ${JSON.stringify(type)} that cannot be read, yet must not be passed over`,
      );
    }
    if (type === "IHDR" && chunks.length > 0) throw new FormatError("the PNG is damaged: it has two headers");
    chunks.push({ type, start: at, end, data: file.subarray(at + 8, at + 8 + length) });
    at = end;
  }
  return chunks;
}

function readHeader({ type, data }: Chunk): Header {
  if (type !== "IHDR" || data.length !== 13)
    throw new FormatError("the PNG is damaged: it does not begin with its header");
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = data.subarray(8) as unknown as number[];
  const kind = COLOUR_TYPES[colourType!];
  if (width === 0 || height === 0) throw new FormatError(`the PNG is damaged: it claims ${width} x ${height} pixels`);
  if (!kind?.depths.includes(depth!) || compression !== 0 || filter !== 0 || interlace! > 1) {
    throw new FormatError("the PNG is damaged: its header names a kind of picture that does not exist");
  }
  if (width * height > MAX_PIXELS) {
    throw new FormatError(`has ${width} x ${height} pixels; at most ${MAX_PIXELS} are read`);
  }
  if (interlace === 1 && depth! < 8) {
    throw new FormatError(`is an interlaced PNG of ${depth}-bit samples; save it without interlacing`);
  }
  return { width, height, depth: depth!, colourType: colourType!, samples: kind.samples, interlaced: interlace === 1 };
}

/** Inflates the pixels without keeping them: there must be exactly as many as the header says. */
function checkData(chunks: readonly Chunk[], header: Header): void {
  const expected = header.interlaced
    ? ADAM7.reduce((sum, [x, y, dx, dy]) => {
        return sum + lines(Math.ceil((header.width - x) / dx), Math.ceil((header.height - y) / dy), header);
      }, 0)
    : lines(header.width, header.height, header);
  let found = 0;
  let checksum = 1;
  const inflate = new Unzlib((piece) => {
    found += piece.length;
    checksum = adler32(checksum, piece);
  });
  const stored = new Uint8Array(4); // the last bytes
  const tooMany = () => new FormatError("the PNG is damaged: it holds more pixels than its header says");
  try {
    for (const { data } of chunks.filter(({ type }) => type === "IDAT")) {
      // Small bites: one byte can inflate to a thousand.
      for (let at = 0; at < data.length; at += 4096) {
        const bite = data.subarray(at, at + 4096);
        stored.set([...stored, ...bite.subarray(-4)].slice(-4));
        inflate.push(bite);
        if (found > expected) throw tooMany();
      }
    }
    inflate.push(new Uint8Array(0), true);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`the PNG is damaged: its pixels cannot be unpacked (${(error as Error).message})`);
  }
  if (found > expected) throw tooMany();
  if (found < expected) throw new FormatError("the PNG is damaged: it holds fewer pixels than its header says");
  if (new DataView(stored.buffer).getUint32(0) !== checksum) {
    throw new FormatError("the PNG is damaged: the checksum of its pixels is wrong");
  }
}

/** The checksum of zlib (RFC 1950), which fflate does not compare, carried on. */
function adler32(checksum: number, bytes: Uint8Array): number {
  let [a, b] = [checksum & 0xffff, checksum >>> 16];
  // So many additions at a time stay below 2^31
  for (let start = 0; start < bytes.length; start += 2048) {
    const end = Math.min(bytes.length, start + 2048);
    for (let i = start; i < end; i++) {
      a += bytes[i]!;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}

/** First column, first row, steps between columns and rows, of each pass. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes of so many lines: each begins with its filter. */
function lines(width: number, height: number, { depth, samples }: Header): number {
  return width <= 0 || height <= 0 ? 0 : height * (1 + Math.ceil((width * samples * depth) / 8));
}

function join(file: Uint8Array, chunks: readonly Chunk[]): Uint8Array {
  const joined = new Uint8Array(8 + chunks.reduce((sum, { start, end }) => sum + end - start, 0));
  joined.set(SIGNATURE);
  let at = 8;
  for (const { start, end } of chunks) {
    joined.set(file.subarray(start, end), at);
    at += end - start;
  }
  return joined;
}

/** One sample per element from lines of packed bits. */
function unpack(packed: ArrayLike<number>, { width, height, depth }: Header): Uint8Array {
  const line = Math.ceil((width * depth) / 8);
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      samples[y * width + x] = (packed[y * line + (bit >> 3)]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
    }
  }
  return samples;
}

function fromPalette(samples: ArrayLike<number>, { width, height }: Header, palette?: number[][]): Picture {
  const channels = palette?.some((colour) => colour.length === 4 && colour[3] !== 255) ? 4 : 3;
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < samples.length; i++) {
    const colour = palette?.[samples[i]!];
    if (!colour) throw new FormatError("the PNG is damaged: a pixel has a colour that its palette lacks");
    for (let c = 0; c < channels; c++) data[i * channels + c] = (colour[c] ?? 255) / 255;
  }
  return { width, height, channels, data, depth: 8 };
}

/** `transparent` is the one colour that is clear, for pictures without alpha. */
function fromSamples(samples: ArrayLike<number>, header: Header, transparent?: Uint16Array): Picture {
  const { width, height, depth, samples: given } = header;
  const key = transparent?.length === given ? transparent : undefined;
  const channels = key ? given + 1 : given;
  const top = (1 << depth) - 1;
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    let clear = true;
    for (let c = 0; c < given; c++) {
      const sample = samples[i * given + c]!;
      data[i * channels + c] = sample / top;
      clear &&= sample === key?.[c];
    }
    if (key) data[i * channels + given] = clear ? 0 : 1;
  }
  return { width, height, channels, data, depth: depth === 16 ? 16 : 8 };
}

function whatItIs(file: Uint8Array): string {
  if (file.length === 0) return "the file is empty";
  const text = String.fromCharCode(...file.subarray(0, 16));
  const kinds: [boolean, string][] = [
    [text.startsWith("\xff\xd8\xff"), "a JPEG picture"],
    [/^GIF8[79]a/.test(text), "a GIF picture"],
    [/^RIFF.{4}WEBP/s.test(text), "a WebP picture"],
    [/^BM/.test(text), "a BMP picture"],
    [/^(II\*\0|MM\0\*)/.test(text), "a TIFF picture"],
    [/^.{4}ftyp(avif|avis)/s.test(text), "an AVIF picture"],
    [/^.{4}ftyp(hei|hev|mif)/s.test(text), "a HEIF picture"],
    [/^\x89PNG/.test(text), "a damaged PNG"],
    [/^%PDF/.test(text), "a PDF document"],
  ];
  const kind = kinds.find(([matches]) => matches)?.[1];
  return kind ? `is ${kind}; only PNG is read (convert it first)` : "is not a picture that can be read; only PNG is";
}
