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
  const [group, channel] = [Math.floor(c / GROUP), c % GROUP];
  const numbers = KEYS * GROUP;
  const start = group * (2 * KEYS + (dtype === "int8" ? numbers : numbers / 2));
  const scale = wide(chunk.getUint16(start + slot * 2, true), "bfloat16");
  const i = values ? (slot >> 1) * 2 * GROUP + channel * 2 + (slot & 1) : slot * GROUP + channel;
  const first = start + 2 * KEYS;
  if (dtype === "int8") return { q: chunk.getInt8(first + i), scale };
  const byte = chunk.getUint8(first + Math.floor(i / 32) * 16 + (i % 16));
  return { q: (byte << (i % 32 >= 16 ? 24 : 28)) >> 28, scale };
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
