// Pages of a cache, packed by hand: 64 keys each, K and V of every head, in any dtype. Slots without a token stay as the
// guarded memory left them, so that a kernel which reads them shows.
import {
  batchItem,
  CACHE_GROUP,
  DTYPE_BFLOAT16,
  DTYPE_FLOAT16,
  DTYPE_FLOAT32,
  DTYPE_INT4,
  DTYPE_INT8,
  PAGE_KEYS,
} from "../../src/engine/abi.generated.js";
import type { CallScope } from "../../src/engine/core.js";
import type { Operand } from "../../src/reference/index.js";

export type PageDType = "float32" | "float16" | "bfloat16" | "int8" | "int4";

export const CODES: Record<PageDType, number> = {
  float32: DTYPE_FLOAT32,
  float16: DTYPE_FLOAT16,
  bfloat16: DTYPE_BFLOAT16,
  int8: DTYPE_INT8,
  int4: DTYPE_INT4,
};

/** One head's K or V in a page. */
class Chunk {
  readonly dim: number;
  readonly bytes: number;
  readonly row: number;
  readonly dtype: PageDType;
  readonly values: boolean;

  constructor(channels: number, dtype: PageDType, values: boolean) {
    const quantised = dtype === "int8" || dtype === "int4";
    const multiple = quantised ? CACHE_GROUP : 8;
    this.dim = Math.ceil(channels / multiple) * multiple;
    this.row = this.dim * (dtype === "float32" ? 4 : 2);
    this.dtype = dtype;
    this.values = values;
    const data = quantised ? (PAGE_KEYS * this.dim) / (dtype === "int4" ? 2 : 1) : PAGE_KEYS * this.row;
    this.bytes = data + (quantised ? PAGE_KEYS * (this.dim / CACHE_GROUP) * 2 : 0);
  }

  /** Writes one token's row and returns it as the page holds it. */
  write(page: DataView, slot: number, row: readonly number[]): number[] {
    const padded = [...row, ...new Array<number>(this.dim - row.length).fill(0)];
    if (this.dtype === "int8" || this.dtype === "int4") return this.#quantise(page, slot, padded).slice(0, row.length);
    return padded
      .map((x, c) => {
        const at = slot * this.row;
        if (this.dtype === "float32") {
          page.setFloat32(at + 4 * c, x, true);
          return Math.fround(x);
        }
        const bits = this.dtype === "float16" ? toHalf(x) : toBrain(x);
        page.setUint16(at + 2 * c, bits, true);
        return this.dtype === "float16" ? fromHalf(bits) : fromBrain(bits);
      })
      .slice(0, row.length);
  }

  #quantise(page: DataView, slot: number, row: number[]): number[] {
    const { dim } = this;
    const groups = dim / CACHE_GROUP;
    const int4 = this.dtype === "int4";
    const most = int4 ? 7 : 127;
    const numbers = PAGE_KEYS * CACHE_GROUP;
    const kept: number[] = [];
    for (let g = 0; g < groups; g++) {
      const group = row.slice(g * CACHE_GROUP, (g + 1) * CACHE_GROUP);
      const scale = roundedUp(Math.max(...group.map(Math.abs)) / most);
      const at = g * (2 * PAGE_KEYS + numbers / (int4 ? 2 : 1));
      page.setUint16(at + 2 * slot, toBrain(scale), true);
      group.forEach((x, c) => {
        const q = scale === 0 ? 0 : Math.round(x / scale);
        this.#store(page, at + 2 * PAGE_KEYS, slot, c, q, int4);
        kept.push(q * scale);
      });
    }
    return kept;
  }

  #store(page: DataView, numbers: number, slot: number, c: number, q: number, int4: boolean): void {
    // Place in the group: [64][32 channels], or [32 pairs][32 channels][2 keys]
    const place = this.values ? (slot >> 1) * 2 * CACHE_GROUP + 2 * c + (slot & 1) : slot * CACHE_GROUP + c;
    if (!int4) {
      page.setInt8(numbers + place, q);
      return;
    }
    // 32 in a row become 16 bytes: the first 16 in the low nibbles
    const byte = numbers + (place >> 5) * 16 + (place & 15);
    const old = page.getUint8(byte);
    page.setUint8(byte, (place & 16) === 0 ? (old & 0xf0) | (q & 15) : (old & 0x0f) | (q << 4));
  }
}

export interface Pages {
  /** Fields of AttentionParameters. */
  readonly fields: Record<string, number>;
  /** What the pages hold, [B, Hk, S, D] and [B, Hk, S, Dv]. */
  readonly key: Operand;
  readonly value: Operand;
}

/** Pages with tokens [0, lengths[b]) of each batch item, in scattered order; `missing` ones are left out. */
export function packPages(
  scope: CallScope,
  key: Operand,
  value: Operand,
  dtype: PageDType,
  lengths: readonly number[],
  missing: (b: number, page: number) => boolean = () => false,
): Pages {
  const [batch, heads, length, D] = key.shape as [number, number, number, number];
  const Dv = value.shape[3]!;
  const chunks = [new Chunk(D, dtype, false), new Chunk(Dv, dtype, true)] as const;
  const offset = heads * chunks[0].bytes;
  const pageBytes = offset + heads * chunks[1].bytes;
  const pages = Math.ceil(length / PAGE_KEYS);
  const table = new Uint32Array(batch * pages);
  const kept = [new Float64Array(batch * heads * length * D), new Float64Array(batch * heads * length * Dv)] as const;
  // The last page of the first item comes first
  for (let page = pages - 1; page >= 0; page--) {
    for (let b = 0; b < batch; b++) {
      if (!missing(b, page) && page * PAGE_KEYS < lengths[b]!) table[b * pages + page] = scope.allocate(pageBytes);
    }
  }
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let s = 0; s < lengths[b]!; s++) {
        const address = table[b * pages + Math.floor(s / PAGE_KEYS)]!;
        if (address === 0) continue;
        [key, value].forEach((operand, which) => {
          const chunk = chunks[which]!;
          const at = address + which * offset + h * chunk.bytes;
          const view = new DataView(scope.core.memory.memory.buffer, at, chunk.bytes);
          const from = ((b * heads + h) * length + s) * operand.shape[3]!;
          const row = Array.prototype.slice.call(operand.data, from, from + operand.shape[3]!) as number[];
          kept[which]!.set(chunk.write(view, s % PAGE_KEYS, row), from);
        });
      }
    }
  }
  return {
    fields: {
      pages: scope.copyIn(table),
      pagesBatch: pages * 4,
      key: 0,
      keyHead: chunks[0].bytes,
      keyRow: chunks[0].row,
      value: offset,
      valueHead: chunks[1].bytes,
      valueRow: chunks[1].row,
      keyDtype: CODES[dtype],
      finite: 1,
    },
    key: { data: kept[0], shape: key.shape },
    value: { data: kept[1], shape: value.shape },
  };
}

/** BatchItem [B] */
export function items(diagonals: readonly number[], lengths: readonly number[], queries: number): Int32Array {
  const all = new Int32Array(lengths.length * batchItem.words);
  lengths.forEach((length, b) => {
    all.set([diagonals[b]!, length, queries], b * batchItem.words);
  });
  return all;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function toBrain(x: number): number {
  float[0] = x;
  return (word[0]! + 0x7fff + ((word[0]! >>> 16) & 1)) >>> 16;
}

export function fromBrain(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

/** The smallest bfloat16 that is not below x >= 0. */
function roundedUp(x: number): number {
  float[0] = x;
  const above = float[0]! < x ? 1 : 0;
  word[0] = ((word[0]! + above + 0xffff) >>> 16) << 16;
  return float[0]!;
}

/** Rounds to the nearest even, as assembly/simd/convert.ts. */
export function toHalf(x: number): number {
  float[0] = x;
  const sign = (word[0]! >>> 16) & 0x8000;
  const magnitude = word[0]! & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x37fff001 + ((magnitude >> 13) & 1)) >> 13);
  // Subnormal: adding 0.5 rounds to units of 2^-24
  float[0] = Math.abs(x);
  float[0] = float[0]! + 0.5;
  return sign | (word[0]! - 0x3f000000);
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
