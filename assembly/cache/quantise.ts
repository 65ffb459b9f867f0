// Rows of float32 into the int8 and int4 chunks of a page (page.ts has the layouts).
//
// scale = max |x| / 127 or / 7 over 32 channels, rounded up to bfloat16 so that nothing saturates; q = the integer nearest to
// x / scale: an error of at most scale / 2. A group that holds a NaN or an infinity becomes NaN as a whole.
import { CACHE_GROUP, DTYPE_INT4 } from "../abi";
import { firstNumber, groupBytes, packedAt, SCALE_BYTES } from "./page";

const NAN_BRAIN: u16 = 0x7fc0;

/**
 * One key or value of a chunk = x f32 [groups * 32], zero past its channels; x is used up.
 * @param values whether the chunk is laid out as values
 */
export function writeQuantised(x: usize, chunk: usize, slot: i32, groups: i32, dtype: i32, values: bool): void {
  const packed = dtype == DTYPE_INT4;
  for (let g = 0; g < groups; g++, chunk += groupBytes(dtype)) {
    const end = x + (<usize>CACHE_GROUP << 2);
    roundGroup(x, end, packed ? 7 : 127, chunk + (<usize>slot << 1));
    for (let i = firstNumber(slot, values); x < end; x += 4, i += 1 << <i32>values) {
      const q = load<i32>(x);
      if (packed) {
        const to = chunk + SCALE_BYTES + packedAt(i);
        const shift = (i >> 2) & 4;
        store<u8>(to, (<i32>load<u8>(to) & (0xf0 >> shift)) | ((q + 8) << shift));
      } else {
        store<u8>(chunk + SCALE_BYTES + <usize>i, q);
      }
    }
  }
}

/** x f32 [..end) become integers i32, multiples of the scale that is stored; ties to even. */
function roundGroup(x: usize, end: usize, steps: f32, to: usize): void {
  let m: f32 = 0;
  for (let at = x; at < end; at += 4) m = max<f32>(m, abs<f32>(load<f32>(at)));
  let scale = m / steps;
  let bits = (reinterpret<u32>(scale) + 0xffff) >> 16;
  if (!(scale < Infinity)) bits = NAN_BRAIN;
  store<u16>(to, bits);
  scale = reinterpret<f32>(bits << 16);
  // Added to 1.5 * 2^23, a number rounds to an integer in the low bits of the sum
  const magic = f32x4.splat(12582912);
  for (; x < end; x += 16) {
    const q = i32x4.sub(f32x4.add(f32x4.div(v128.load(x), f32x4.splat(scale)), magic), magic);
    v128.store(x, v128.and(q, f32x4.gt(f32x4.splat(scale), f32x4.splat(0))));
  }
}
