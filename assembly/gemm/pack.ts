// Matrices packed for the register tiles: B into panels f32 [ceil(n / 8)][depth][8], A into tiles f32 [ceil(m / 6 or 4)][depth][6 or 4].
import { transpose4 } from "../attention/pack";
import { ImageParameters } from "../layers/abi";

/**
 * Columns [first, first + n) of B, from k = begin on: panels [ceil(n / 8)][depth][8], zero past n.
 * @param from B [K][N] at its first element, rows `stride` bytes apart
 * @param panelStride bytes from panel to panel
 */
export function packRows(
  from: usize, stride: usize, first: i32, n: i32, begin: i32, depth: i32, to: usize, panelStride: usize,
): void {
  from += <usize>begin * stride + (<usize>first << 2);
  for (let j = 0; j < n; j += 8, from += 32, to += panelStride) {
    let row = from;
    let at = to;
    const end = to + (<usize>depth << 5);
    if (n - j >= 8) {
      for (; at < end; at += 32, row += stride) {
        v128.store(at, v128.load(row));
        v128.store(at, v128.load(row, 16), 16);
      }
    } else {
      const bytes = <usize>(n - j) << 2;
      for (; at < end; at += 32, row += stride) {
        v128.store(at, f32x4.splat(0));
        v128.store(at, f32x4.splat(0), 16);
        for (let c: usize = 0; c < bytes; c += 4) store<f32>(at + c, load<f32>(row + c));
      }
    }
  }
}

/** The same of a matrix [N][K] whose rows are the columns of B, as torch.nn.Linear keeps its weight. */
export function packColumns(
  from: usize, stride: usize, first: i32, n: i32, begin: i32, depth: i32, to: usize, panelStride: usize,
): void {
  from += <usize>first * stride + (<usize>begin << 2);
  for (let j = 0; j < n; j += 4, from += 4 * stride) {
    // Half a panel: four columns
    const half = to + <usize>(j >> 3) * panelStride + (<usize>(j & 4) << 2);
    const count = n - j;
    const r1 = count > 1 ? from + stride : from;
    const r2 = count > 2 ? r1 + stride : r1;
    const r3 = count > 3 ? r2 + stride : r2;
    const kept1 = i32x4.splat(count > 1 ? -1 : 0);
    const kept2 = i32x4.splat(count > 2 ? -1 : 0);
    const kept3 = i32x4.splat(count > 3 ? -1 : 0);
    let at = half;
    let k: usize = 0;
    const end = <usize>depth << 2;
    for (; k + 16 <= end; k += 16, at += 128) {
      transpose4(
        v128.load(from + k), v128.and(v128.load(r1 + k), kept1),
        v128.and(v128.load(r2 + k), kept2), v128.and(v128.load(r3 + k), kept3), at, at + 32, at + 64, at + 96,
      );
    }
    for (; k < end; k += 4, at += 32) {
      store<f32>(at, load<f32>(from + k));
      store<f32>(at, count > 1 ? load<f32>(r1 + k) : 0, 4);
      store<f32>(at, count > 2 ? load<f32>(r2 + k) : 0, 8);
      store<f32>(at, count > 3 ? load<f32>(r3 + k) : 0, 12);
    }
  }
  // The other half of the last panel
  if (((n - 1) & 7) < 4) {
    let at = to + <usize>((n - 1) >> 3) * panelStride + 16;
    for (let k = 0; k < depth; k++, at += 32) v128.store(at, f32x4.splat(0));
  }
}

/**
 * The same of the matrix whose row k = (channel, y, x of the kernel) holds, for each output pixel, the input it looks at;
 * zero in the padding (im2col, Chellapilla et al. 2006).
 */
export function packImage(
  I: ImageParameters, first: i32, n: i32, begin: i32, depth: i32, to: usize, panelStride: usize,
): void {
  const kernelSize = I.kernelHeight * I.kernelWidth;
  const plane = <usize>(I.height * I.width) << 2;
  for (let k = begin; k < begin + depth; k++, to += 32) {
    const channel = k / kernelSize;
    const within = k - channel * kernelSize;
    const ky = within / I.kernelWidth;
    const kx = within - ky * I.kernelWidth;
    const from = I.input + <usize>channel * plane;
    const offsetY = ky * I.dilationY - I.padTop;
    const offsetX = kx * I.dilationX - I.padLeft;
    let oy = first / I.outputWidth;
    let ox = first - oy * I.outputWidth;
    let panel = to;
    let lane: usize = 0;
    const total = (n + 7) & ~7;
    for (let j = 0; j < total; j++) {
      let value: f32 = 0;
      if (j < n) {
        const y = oy * I.strideY + offsetY;
        const x = ox * I.strideX + offsetX;
        if (<u32>y < <u32>I.height && <u32>x < <u32>I.width) value = load<f32>(from + (<usize>(y * I.width + x) << 2));
      }
      store<f32>(panel + lane, value);
      lane += 4;
      if (lane == 32) {
        lane = 0;
        panel += panelStride;
      }
      if (++ox == I.outputWidth) {
        ox = 0;
        oy++;
      }
    }
  }
}

/**
 * to f32 [ceil(rows / step)][depth][step] = A [rows][depth]; rows past the end repeat the last: computed and not looked at.
 * @param stride bytes from row to row
 * @param step rows of a register tile: 4 or 6
 */
export function packTiles(a: usize, stride: usize, rows: i32, depth: i32, step: i32, to: usize): void {
  const whole = <usize>(depth & ~3) << 2;
  const end = <usize>depth << 2;
  const next = <usize>step << 2;
  for (let r = 0; r < rows; r += step, a += <usize>step * stride) {
    const count = rows - r;
    const r1 = count > 1 ? a + stride : a;
    const r2 = count > 2 ? r1 + stride : r1;
    const r3 = count > 3 ? r2 + stride : r2;
    const r4 = count > 4 ? r3 + stride : r3;
    const r5 = count > 5 ? r4 + stride : r4;
    let k: usize = 0;
    for (; k < whole; k += 16, to += 4 * next) {
      transpose4(
        v128.load(a + k), v128.load(r1 + k), v128.load(r2 + k), v128.load(r3 + k),
        to, to + next, to + 2 * next, to + 3 * next,
      );
      if (step == 4) continue;
      const e = v128.load(r4 + k);
      const f = v128.load(r5 + k);
      const low = v128.shuffle<f32>(e, f, 0, 4, 1, 5);
      const high = v128.shuffle<f32>(e, f, 2, 6, 3, 7);
      v128.store64_lane(to, low, 0, 16);
      v128.store64_lane(to, low, 1, 40);
      v128.store64_lane(to, high, 0, 64);
      v128.store64_lane(to, high, 1, 88);
    }
    for (; k < end; k += 4, to += next) {
      store<f32>(to, load<f32>(a + k));
      store<f32>(to, load<f32>(r1 + k), 4);
      store<f32>(to, load<f32>(r2 + k), 8);
      store<f32>(to, load<f32>(r3 + k), 12);
      if (step == 4) continue;
      store<f32>(to, load<f32>(r4 + k), 16);
      store<f32>(to, load<f32>(r5 + k), 20);
    }
  }
}

/** The same of rows [first, first + rows) and k from `begin` on of an A that lies as [K][M]. */
export function packTransposedTiles(
  a: usize, stride: usize, first: i32, rows: i32, begin: i32, depth: i32, step: i32, to: usize,
): void {
  a += <usize>begin * stride + (<usize>first << 2);
  for (let r = 0; r < rows; r += step) {
    let from = a + (<usize>r << 2);
    for (let k = 0; k < depth; k++, from += stride) {
      for (let i = 0; i < step; i++, to += 4) store<f32>(to, load<f32>(from + (<usize>min(i, rows - r - 1) << 2)));
    }
  }
}
