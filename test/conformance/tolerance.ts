// When a result counts as right: |got - want| <= atol + rtol |want| for every element; NaN equals NaN, infinities match.
import type { HostTensor } from "../../src/index.js";
import { widen } from "../../src/onnx/sixteen-bits.js";
import type { Expected } from "./cases.js";

/** Significant bits and smallest normal exponent of the 16-bit types. */
const SIXTEEN_BITS: Record<string, { bits: number; exponent: number }> = {
  float16: { bits: 11, exponent: -14 },
  bfloat16: { bits: 8, exponent: -126 },
};

/** A host tensor's elements as numbers. */
export function numbersOf({ data, dtype }: { data: unknown; dtype?: string | undefined }): ArrayLike<number> {
  if (data instanceof BigInt64Array) return Float64Array.from(data, Number);
  if (data instanceof Uint16Array && (dtype === "float16" || dtype === "bfloat16")) return widen(data, dtype);
  return data as ArrayLike<number>;
}

/** Throws with the worst element unless got passes for want. */
export function assertClose(got: HostTensor, want: Expected): void {
  if (String(got.shape) !== String(want.shape)) {
    throw new Error(`${want.name}: shape [${got.shape}], expected [${want.shape}]`);
  }
  const found = numbersOf(got);
  const expected = numbersOf(want);
  if (found.length !== expected.length) {
    throw new Error(`${want.name}: ${found.length} elements, expected ${expected.length}`);
  }
  const { rtol, atol } = want.tolerance;
  // Against a reference of more bits, a 16-bit result may be off by the one rounding that made it
  const rounded = got.dtype !== want.dtype ? got.dtype : undefined;
  let failures = 0;
  let worst = { excess: -1, text: "" };
  for (let i = 0; i < found.length; i++) {
    const x = found[i]!;
    const y = expected[i]!;
    if (Object.is(x, y) || x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const allowed = atol + rtol * Math.abs(y) + halfUlp(y, rounded);
    const error = Math.abs(x - y);
    if (error <= allowed && Number.isFinite(y)) continue;
    failures++;
    const excess = Number.isFinite(error) ? error / allowed : Number.POSITIVE_INFINITY;
    if (excess > worst.excess) worst = { excess, text: `[${i}] is ${x}, expected ${y} within ${allowed}` };
  }
  if (failures > 0)
    throw new Error(`${want.name}: ${failures} of ${found.length} elements are off; worst: ${worst.text}`);
}

/** Half the distance between neighbours of a 16-bit type around x; 0 for other types. */
export function halfUlp(x: number, dtype: string | undefined): number {
  const type = SIXTEEN_BITS[dtype ?? ""];
  if (!type) return 0;
  const binade = x === 0 ? type.exponent : Math.max(type.exponent, Math.floor(Math.log2(Math.abs(x))));
  return 2 ** (binade - type.bits);
}
