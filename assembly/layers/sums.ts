// Sums over rows, for attention pooling.
import { widenRow } from "../simd/convert";

/** to f32 [n] = sum over `rows` rows of from dtype [n], rows `stride` bytes apart, added in f64; scratch f64 [n] + f32 [n]. */
export function sumRows(from: usize, rows: i32, stride: i32, n: i32, dtype: i32, to: usize, scratch: usize): void {
  const row = scratch + (<usize>n << 3);
  memory.fill(scratch, 0, <usize>n << 3);
  for (let r = 0; r < rows; r++, from += stride) {
    widenRow(from, row, n, dtype);
    for (let i = 0; i < n; i++) {
      const at = scratch + (<usize>i << 3);
      store<f64>(at, load<f64>(at) + <f64>load<f32>(row + (<usize>i << 2)));
    }
  }
  for (let i = 0; i < n; i++) store<f32>(to + (<usize>i << 2), <f32>load<f64>(scratch + (<usize>i << 3)));
}
