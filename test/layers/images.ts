// Convolution and pooling in float64, by their definition.
import type { Numbers } from "./exact.js";

export interface Geometry {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

type Image = { readonly data: Numbers; readonly shape: readonly number[] };

/** Every position of the kernel over output pixel (oy, ox) that lies in the image. */
function* window(g: Geometry, H: number, W: number, oy: number, ox: number) {
  for (let ky = 0; ky < g.kernel[0]; ky++) {
    for (let kx = 0; kx < g.kernel[1]; kx++) {
      const y = oy * g.stride[0] - g.padding[0] + ky * g.dilation[0];
      const x = ox * g.stride[1] - g.padding[1] + kx * g.dilation[1];
      if (y >= 0 && y < H && x >= 0 && x < W) yield { ky, kx, at: y * W + x };
    }
  }
}

export function convolution(
  x: Image,
  weight: Image,
  bias: Numbers | undefined,
  groups: number,
  g: Geometry,
  size: readonly [number, number],
) {
  const [B, Cin, H, W] = x.shape as [number, number, number, number];
  const [Cout, Cg, KH, KW] = weight.shape as [number, number, number, number];
  const [OH, OW] = size;
  const data = new Float64Array(B * Cout * OH * OW);
  let to = 0;
  for (let b = 0; b < B; b++) {
    for (let o = 0; o < Cout; o++) {
      const first = Math.floor((o * groups) / Cout) * Cg;
      for (let oy = 0; oy < OH; oy++) {
        for (let ox = 0; ox < OW; ox++, to++) {
          let sum = bias ? bias[o]! : 0;
          for (const { ky, kx, at } of window(g, H, W, oy, ox)) {
            for (let c = 0; c < Cg; c++) {
              sum += x.data[(b * Cin + first + c) * H * W + at]! * weight.data[((o * Cg + c) * KH + ky) * KW + kx]!;
            }
          }
          data[to] = sum;
        }
      }
    }
  }
  return data;
}

/** @param reduce what becomes of a window's elements; (oy, ox) is where it lies */
export function pooling(
  x: Image,
  g: Geometry,
  size: readonly [number, number],
  reduce: (values: number[], oy: number, ox: number) => number,
) {
  const [H, W] = x.shape.slice(-2) as [number, number];
  const planes = x.data.length / (H * W);
  const data: number[] = [];
  for (let p = 0; p < planes; p++) {
    for (let oy = 0; oy < size[0]; oy++) {
      for (let ox = 0; ox < size[1]; ox++) {
        const values = [...window(g, H, W, oy, ox)].map(({ at }) => x.data[p * H * W + at]!);
        data.push(reduce(values, oy, ox));
      }
    }
  }
  return data;
}
