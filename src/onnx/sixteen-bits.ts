// float16 and bfloat16 on the host, where arrays of them hold bits: for the outputs no kernel writes.

export type SixteenBits = "float16" | "bfloat16";

const words = new Uint32Array(1);
const float = new Float32Array(words.buffer);

/** The numbers whose bits these are. */
export function widen(bits: Uint16Array, dtype: SixteenBits): Float32Array {
  return Float32Array.from(bits, dtype === "float16" ? widenFloat16 : widenBfloat16);
}

/** The bits of these numbers, each rounded to the nearest, ties to even. */
export function narrow(numbers: Float32Array, dtype: SixteenBits): Uint16Array {
  return Uint16Array.from(numbers, dtype === "float16" ? narrowFloat16 : narrowBfloat16);
}

function widenBfloat16(bits: number): number {
  words[0] = bits << 16;
  return float[0]!;
}

function narrowBfloat16(number: number): number {
  float[0] = number;
  const bits = words[0]!;
  if (Number.isNaN(number)) return (bits >>> 16) | 0x40;
  // Just under half, and the bit that makes ties even
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function narrowFloat16(number: number): number {
  float[0] = number;
  const sign = (words[0]! >>> 16) & 0x8000;
  const magnitude = words[0]! & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and more round to infinity
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: units of 2^-24; adding 2^23 rounds to even
    const units = float.fill(Math.abs(number) * 2 ** 24 + 2 ** 23)[0]!;
    return sign | (units - 2 ** 23);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}
