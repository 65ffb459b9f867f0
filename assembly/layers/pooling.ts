// Pooling over windows of planes [H, W]: torch.nn.functional.max_pool2d and avg_pool2d.
import { PoolParameters } from "./abi";

export function pool(parameters: usize): void {
  const P = changetype<PoolParameters>(parameters);
  let from = P.input;
  let to = P.output;
  const plane = <usize>(P.height * P.width) << 2;
  for (let i = 0; i < P.planes; i++, from += plane) {
    for (let oy = 0; oy < P.outputHeight; oy++) {
      for (let ox = 0; ox < P.outputWidth; ox++, to += 4) store<f32>(to, poolWindow(P, from, oy, ox));
    }
  }
}

// @ts-ignore: decorator
@inline
function poolWindow(P: PoolParameters, from: usize, oy: i32, ox: i32): f32 {
  const top = oy * P.strideY - P.padTop;
  const left = ox * P.strideX - P.padLeft;
  let sum: f32 = 0;
  let best: f32 = -Infinity;
  let count = 0;
  for (let ky = 0; ky < P.kernelHeight; ky++) {
    const y = top + ky * P.dilationY;
    if (<u32>y >= <u32>P.height) continue;
    const row = from + (<usize>(y * P.width) << 2);
    for (let kx = 0; kx < P.kernelWidth; kx++) {
      const x = left + kx * P.dilationX;
      if (<u32>x >= <u32>P.width) continue;
      const value = load<f32>(row + (<usize>x << 2));
      sum += value;
      // A NaN stays
      best = value > best || value != value ? value : best;
      if (best != best) return P.mean ? sum + value : best;
      count++;
    }
  }
  if (!P.mean) return best;
  if (P.divisor) return sum / <f32>P.divisor;
  if (!P.countPadding) return sum / <f32>count;
  // Of the window, what lies inside the padded plane; with ceilMode it may reach past it
  const bottom = min(top + P.kernelHeight, P.paddedHeight - P.padTop);
  const right = min(left + P.kernelWidth, P.paddedWidth - P.padLeft);
  return sum / <f32>((bottom - top) * (right - left));
}
