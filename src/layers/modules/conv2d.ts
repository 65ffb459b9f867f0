// Convolution over images (torch.nn.Conv2d): cross-correlation, as products over patches.
import type { AnyTensor } from "../../attention/options.js";
import { boolean, integer, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import { show, wrongKind, wrongValue } from "../../errors.js";
import { type Fields, writeBlock } from "../../engine/kernels.js";
import type { Operand } from "../../operand.js";
import { elements, showShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { gemmParameters, imageParameters, MATRIX_IMAGE } from "../abi.generated.js";
import { mapTensor } from "../forward.js";
import { layerKernels } from "../kernels.js";
import { Module } from "../module.js";
import { type Pair, pair } from "../pair.js";
import { blank, dense, withTemporaries } from "../temporaries.js";

export interface Conv2dOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** One number for both axes, or [height, width]; so too the next three. */
  readonly kernelSize: number | readonly [number, number];
  /** Default 1. */
  readonly stride?: number | readonly [number, number];
  /** Zeros on each side; `'same'` keeps the size (stride 1); `'valid'` is 0, the default. */
  readonly padding?: number | readonly [number, number] | "same" | "valid";
  /** Default 1. */
  readonly dilation?: number | readonly [number, number];
  /** Divides inChannels and outChannels; default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
}

const OPTIONS = ["inChannels", "outChannels", "kernelSize", "stride", "padding", "dilation", "groups", "bias"];

/** Parameters: `weight` [outChannels, inChannels / groups, kernel height, kernel width] and `bias` [outChannels]. */
export class Conv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /** Above and to the left, and both sides together. */
  readonly #padding: { readonly before: Pair; readonly total: Pair };

  constructor(engine: Engine, options: Conv2dOptions) {
    super(engine);
    knownOptions(options, OPTIONS);
    this.inChannels = integer("inChannels", options.inChannels, 1);
    this.outChannels = integer("outChannels", options.outChannels, 1);
    this.groups = integer("groups", options.groups ?? 1, 1);
    for (const name of ["inChannels", "outChannels"] as const) {
      if (this[name] % this.groups !== 0) {
        throw wrongValue("ERR_VALUE", `${name} must be a multiple of groups: got ${this[name]} and ${this.groups}`);
      }
    }
    this.kernelSize = pair("kernelSize", options.kernelSize, 1);
    this.stride = pair("stride", options.stride ?? 1, 1);
    this.dilation = pair("dilation", options.dilation ?? 1, 1);
    this.#padding = this.#checkPadding(options.padding ?? 0);
    const bias = boolean("bias", options.bias ?? true);
    this.parameter("weight", [this.outChannels, this.inChannels / this.groups, ...this.kernelSize]);
    if (bias) this.parameter("bias", [this.outChannels]);
  }

  #checkPadding(padding: NonNullable<Conv2dOptions["padding"]>): { before: Pair; total: Pair } {
    if (padding === "valid") return { before: [0, 0], total: [0, 0] };
    if (padding === "same") {
      if (this.stride.some((step) => step !== 1)) {
        throw wrongValue("ERR_VALUE", `padding 'same' needs stride 1: got ${show(this.stride)}`);
      }
      const total = this.kernelSize.map((size, i) => this.dilation[i]! * (size - 1)) as unknown as Pair;
      return { before: [total[0] >> 1, total[1] >> 1], total };
    }
    if (typeof padding === "string") {
      throw wrongKind("ERR_ARGUMENT_TYPE", `padding must be a size, 'same' or 'valid': got ${show(padding)}`);
    }
    const before = pair("padding", padding, 0);
    return { before, total: [2 * before[0], 2 * before[1]] };
  }

  /** x [B, inChannels, H, W] or without B -> [B, outChannels, OH, OW], O = floor((H + padding - dilation (kernel - 1) - 1) / stride) + 1 */
  forward<T extends AnyTensor>(x: T): T {
    this.ready();
    return mapTensor(
      this.core,
      x,
      (input) => this.#check(input),
      (tensor) => this.run(tensor),
    );
  }

  #check({ shape }: Operand): void {
    const rank = shape.length;
    if ((rank !== 3 && rank !== 4) || shape[rank - 3] !== this.inChannels) {
      throw wrongValue(
        "ERR_SHAPE",
        `x.shape must be [B, ${this.inChannels}, H, W] or without B: got ${showShape(shape)}`,
      );
    }
    const size = this.#outputSize(shape);
    if (size.some((n) => n < 1)) {
      throw wrongValue("ERR_SHAPE", `x.shape ${showShape(shape)} is smaller than the kernel: there would be no output`);
    }
  }

  #outputSize(shape: readonly number[]): Pair {
    const along = (axis: 0 | 1) => {
      const reach = this.dilation[axis] * (this.kernelSize[axis] - 1) + 1;
      return Math.floor((shape.at(axis - 2)! + this.#padding.total[axis] - reach) / this.stride[axis]) + 1;
    };
    return [along(0), along(1)];
  }

  /** @internal */
  run(x: Tensor): Tensor {
    const { core, groups } = this;
    const weight = this.values("weight");
    return withTemporaries((keep) => {
      const input = dense(core, x, keep);
      const [height, width] = x.shape.slice(-2) as [number, number];
      const [outputHeight, outputWidth] = this.#outputSize(x.shape);
      const batch = elements(x.shape.slice(0, -3));
      const output = keep(blank(core, [...x.shape.slice(0, -3), this.outChannels, outputHeight, outputWidth]));
      const depth = elements(weight.shape.slice(1));
      const pixels = outputHeight * outputWidth;
      const kernels = layerKernels(core);
      core.call((scope) => {
        const image = scope.block(imageParameters, {
          batch,
          groups,
          channels: this.inChannels / groups,
          height,
          width,
          kernelHeight: this.kernelSize[0],
          kernelWidth: this.kernelSize[1],
          strideY: this.stride[0],
          strideX: this.stride[1],
          padTop: this.#padding.before[0],
          padLeft: this.#padding.before[1],
          dilationY: this.dilation[0],
          dilationX: this.dilation[1],
          outputHeight,
          outputWidth,
          input: input.address,
        });
        const fields: Fields<typeof gemmParameters> = {
          batch: 1,
          rows: this.outChannels / groups,
          columns: pixels,
          depth,
          a: weight.address,
          aRow: depth * 4,
          kind: MATRIX_IMAGE,
          image,
          c: output.address,
          cRow: pixels * 4,
          bias: this.optional("bias")?.address ?? 0,
          biasPerRow: 1,
        };
        const product = scope.block(gemmParameters, fields);
        const scratch = scope.allocate(kernels.gemmScratch(product) >>> 0);
        writeBlock(core.memory, product, gemmParameters, { ...fields, scratch });
        kernels.convolve(image, product);
      });
      return output;
    });
  }
}
