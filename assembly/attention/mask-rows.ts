// Rows of a bias or a mask, read along the keys four rows at a time and transposed into the tile that is added to scores.
import { LANES } from "../abi";
import { Workspace } from "./workspace";

/** f32, added. */
@unmanaged @final
export class BiasRows {
  @inline bytes(): usize { return 4; }
  /** Four neighbouring keys of one row. */
  @inline read(from: usize): v128 { return v128.load(from); }
  /** One key of one row. */
  @inline one(from: usize): f32 { return load<f32>(from); }
  @inline join(old: v128, x: v128): v128 { return f32x4.add(old, x); }
}

/** u8, 1 = attend: a forbidden key stays forbidden whatever was added, so -Infinity takes its place. */
@unmanaged @final
export class MaskRows {
  @inline bytes(): usize { return 1; }
  @inline read(from: usize): v128 {
    const seen = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
    return i32x4.eq(seen, i32x4.splat(0));
  }
  @inline one(from: usize): f32 { return reinterpret<f32>(load<u8>(from) ? 0 : -1); }
  @inline join(old: v128, x: v128): v128 { return v128.bitselect(f32x4.splat(-Infinity), old, x); }
}

/**
 * W.biases f32 [n][8] joined by keys [begin, begin + n) of the 8 rows from r on.
 * @param base of the batch item; strides in bytes
 */
export function addRows<T>(
  W: Workspace, r: i32, base: usize, headStride: usize, rowStride: usize, keyStride: usize, begin: i32, n: i32,
): void {
  const rows = changetype<T>(0);
  for (let half = 0; half < LANES; half += 4) {
    const head = W.head + (<usize>(r + half) << 2);
    const query = W.queryIndex + (<usize>(r + half) << 2);
    const from = base + <usize>begin * keyStride;
    let row0 = from + <usize>load<i32>(head) * headStride + <usize>load<i32>(query) * rowStride;
    let row1 = from + <usize>load<i32>(head, 4) * headStride + <usize>load<i32>(query, 4) * rowStride;
    let row2 = from + <usize>load<i32>(head, 8) * headStride + <usize>load<i32>(query, 8) * rowStride;
    let row3 = from + <usize>load<i32>(head, 12) * headStride + <usize>load<i32>(query, 12) * rowStride;
    let to = W.biases + (<usize>half << 2);
    let j = 0;
    for (; keyStride == rows.bytes() && j + 4 <= n; j += 4, to += 128) {
      const a = rows.read(row0);
      const b = rows.read(row1);
      const c = rows.read(row2);
      const d = rows.read(row3);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
      const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
      const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      v128.store(to, rows.join(v128.load(to), v128.shuffle<i64>(ab0, cd0, 0, 2)));
      v128.store(to, rows.join(v128.load(to, 32), v128.shuffle<i64>(ab0, cd0, 1, 3)), 32);
      v128.store(to, rows.join(v128.load(to, 64), v128.shuffle<i64>(ab1, cd1, 0, 2)), 64);
      v128.store(to, rows.join(v128.load(to, 96), v128.shuffle<i64>(ab1, cd1, 1, 3)), 96);
      row0 += 4 * rows.bytes();
      row1 += 4 * rows.bytes();
      row2 += 4 * rows.bytes();
      row3 += 4 * rows.bytes();
    }
    for (; j < n; j++, to += 32) {
      v128.store(to, rows.join(v128.load(to), f32x4(rows.one(row0), rows.one(row1), rows.one(row2), rows.one(row3))));
      row0 += keyStride;
      row1 += keyStride;
      row2 += keyStride;
      row3 += keyStride;
    }
  }
}
