// What the bytes of a page must be, from the description of its layout in assembly/cache/page.ts, element by element.
import { type SixteenBits, widen } from "../../src/onnx/sixteen-bits.js";

export type CacheDType = "float32" | "float16" | "bfloat16" | "int8" | "int4";

const wide = (bits: number, dtype: SixteenBits) => widen(Uint16Array.of(bits), dtype)[0]!;

const KEYS = 64;
const GROUP = 32;

export function paddedDim(dim: number, dtype: CacheDType): number {
  const multiple = dtype.startsWith("int") ? GROUP : 8;
  return Math.ceil(dim / multiple) * multiple;
}

/** Bytes of what a page holds of one head's keys, or values. */
export function chunkBytes(dim: number, dtype: CacheDType): number {
  const padded = paddedDim(dim, dtype);
  switch (dtype) {
    case "float32":
      return KEYS * padded * 4;
    case "int8":
      return KEYS * padded + (KEYS * padded * 2) / GROUP;
    case "int4":
      return (KEYS * padded) / 2 + (KEYS * padded * 2) / GROUP;
    default:
      return KEYS * padded * 2;
  }
}

/** Channel c of slot `slot` of a chunk: the integer and its scale, or the float itself and 1. */
export function elementAt(chunk: DataView, dtype: CacheDType, values: boolean, dim: number, slot: number, c: number) {
  const padded = paddedDim(dim, dtype);
  if (dtype === "float32") return { q: chunk.getFloat32((slot * padded + c) * 4, true), scale: 1 };
  if (dtype === "float16" || dtype === "bfloat16") {
    return { q: wide(chunk.getUint16((slot * padded + c) * 2, true), dtype), scale: 1 };
  }
  const groups = padded / GROUP;
  const [group, channel] = [Math.floor(c / GROUP), c % GROUP];
  const scales = (KEYS * padded) / (dtype === "int8" ? 1 : 2);
  const scaleIndex = values ? group * KEYS + slot : slot * groups + group;
  const scale = wide(chunk.getUint16(scales + scaleIndex * 2, true), "bfloat16");
  const nibble = (byte: number, high: boolean) => ((chunk.getUint8(byte) >> (high ? 4 : 0)) & 15) - 8;
  if (!values) {
    if (dtype === "int8") return { q: chunk.getInt8(slot * padded + c), scale };
    return { q: nibble((slot * groups + group) * 16 + (channel % 16), channel >= 16), scale };
  }
  const pair = group * (KEYS / 2) + (slot >> 1);
  const inPair = channel * 2 + (slot & 1);
  if (dtype === "int8") return { q: chunk.getInt8(pair * 64 + inPair), scale };
  const half = inPair < 32 ? 0 : 16;
  return { q: nibble(pair * 32 + half + (inPair % 16), inPair % 32 >= 16), scale };
}

/** The scale of a group, and the integer of each of its elements. */
export function quantise(group: Float32Array, steps: number): { q: number[]; scale: number } {
  const most = group.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  const bits = new Uint32Array(Float32Array.of(Math.fround(most / steps)).buffer)[0]!;
  const scale = wide(bits % 65536 === 0 ? bits >>> 16 : (bits >>> 16) + 1, "bfloat16");
  return { q: [...group].map((x) => (scale === 0 ? 0 : halfToEven(Math.fround(x / scale)))), scale };
}

function halfToEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
