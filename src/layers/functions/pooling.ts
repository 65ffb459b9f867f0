// Pooling over windows of images: torch.nn.functional.max_pool2d and avg_pool2d.
import type { AnyTensor } from "../../attention/options.js";
import { boolean, integer, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import type { Operand } from "../../operand.js";
import { elements, showShape } from "../../shape.js";
import { poolParameters } from "../abi.generated.js";
import { mapTensor } from "../forward.js";
import { layerKernels } from "../kernels.js";
import { coreOf } from "../load.js";
import { type Pair, pair } from "../pair.js";
import { blank, dense, withTemporaries } from "../temporaries.js";

interface PoolOptions {
  /** One number for both axes, or [height, width]; so too the next three. */
  readonly kernelSize: number | Pair;
  /** Default kernelSize. */
  readonly stride?: number | Pair;
  /** At most half of the kernel; default 0. */
  readonly padding?: number | Pair;
  /** Windows that reach past the end count too, as long as they start inside; default false. */
  readonly ceilMode?: boolean;
}

export interface MaxPool2dOptions extends PoolOptions {
  /** Default 1. */
  readonly dilation?: number | Pair;
}

export interface AvgPool2dOptions extends PoolOptions {
  /** Padding counts as zeros; default true. */
  readonly countIncludePad?: boolean;
  /** What sums are divided by instead of the size of the window. */
  readonly divisorOverride?: number;
}

interface Geometry {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceil: boolean;
}

/** The largest element of each window; x [..., H, W] -> [..., OH, OW]. Padding is never the largest. */
export function maxPool2d<T extends AnyTensor>(engine: Engine, x: T, options: MaxPool2dOptions): T {
  knownOptions(options, ["kernelSize", "stride", "padding", "dilation", "ceilMode"]);
  return pool(engine, x, geometryOf(options, options.dilation ?? 1), { mean: 0 });
}

/** The mean of each window; x [..., H, W] -> [..., OH, OW]. */
export function avgPool2d<T extends AnyTensor>(engine: Engine, x: T, options: AvgPool2dOptions): T {
  knownOptions(options, ["kernelSize", "stride", "padding", "ceilMode", "countIncludePad", "divisorOverride"]);
  const countPadding = boolean("countIncludePad", options.countIncludePad ?? true) ? 1 : 0;
  const divisor = options.divisorOverride === undefined ? 0 : integer("divisorOverride", options.divisorOverride, 1);
  return pool(engine, x, geometryOf(options, 1), { mean: 1, countPadding, divisor });
}

function geometryOf(options: PoolOptions, dilation: number | Pair): Geometry {
  const kernel = pair("kernelSize", options.kernelSize, 1);
  const padding = pair("padding", options.padding ?? 0, 0);
  if (padding.some((size, i) => size > kernel[i]! / 2)) {
    throw wrongValue("ERR_VALUE", `padding must be at most half of kernelSize: got ${padding} and ${kernel}`);
  }
  return {
    kernel,
    stride: pair("stride", options.stride ?? kernel, 1),
    padding,
    dilation: pair("dilation", dilation, 1),
    ceil: boolean("ceilMode", options.ceilMode ?? false),
  };
}

function outputSize({ kernel, stride, padding, dilation, ceil }: Geometry, size: number, axis: 0 | 1): number {
  const room = size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
  const steps = ceil ? Math.ceil(room / stride[axis]) : Math.floor(room / stride[axis]);
  // The last window must start inside the image or its padding before it
  const inside = !ceil || steps * stride[axis] < size + padding[axis];
  return inside ? steps + 1 : steps;
}

function pool<T extends AnyTensor>(
  engine: Engine,
  x: T,
  geometry: Geometry,
  kind: { mean: number; countPadding?: number; divisor?: number },
): T {
  const core = coreOf(engine);
  const sizeOf = ({ shape }: { readonly shape: readonly number[] }): Pair => [
    outputSize(geometry, shape.at(-2)!, 0),
    outputSize(geometry, shape.at(-1)!, 1),
  ];
  const check = (input: Operand) => {
    if (input.shape.length < 2 || sizeOf(input).some((n) => n < 1)) {
      throw wrongValue(
        "ERR_SHAPE",
        `x.shape must be [..., H, W], as large as the kernel: got ${showShape(input.shape)}`,
      );
    }
  };
  return mapTensor(core, x, check, (tensor) =>
    withTemporaries((keep) => {
      const input = dense(core, tensor, keep);
      const [height, width] = tensor.shape.slice(-2) as [number, number];
      const [outputHeight, outputWidth] = sizeOf(tensor);
      const lead = tensor.shape.slice(0, -2);
      const output = keep(blank(core, [...lead, outputHeight, outputWidth]));
      core.call((scope) => {
        const parameters = scope.block(poolParameters, {
          planes: elements(lead),
          height,
          width,
          kernelHeight: geometry.kernel[0],
          kernelWidth: geometry.kernel[1],
          strideY: geometry.stride[0],
          strideX: geometry.stride[1],
          padTop: geometry.padding[0],
          padLeft: geometry.padding[1],
          dilationY: geometry.dilation[0],
          dilationX: geometry.dilation[1],
          outputHeight,
          outputWidth,
          paddedHeight: height + 2 * geometry.padding[0],
          paddedWidth: width + 2 * geometry.padding[1],
          ...kind,
          input: input.address,
          output: output.address,
        });
        layerKernels(core).pool(parameters);
      });
      return output;
    }),
  );
}
