// Convolution and pooling against their definition in float64, over strides, paddings, dilations and groups.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { avgPool2d, Conv2d, loadWeights, maxPool2d } from "../src/layers/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { assertWithin } from "./layers/exact.js";
import { convolution, type Geometry, pooling } from "./layers/images.js";
import { generator, tensor } from "./random.js";

/** Channels in and out, groups, image, kernel, stride, padding, dilation. */
const CONVOLUTIONS = [
  [1, 1, 1, [1, 1], [1, 1], [1, 1], [0, 0], [1, 1]],
  [3, 5, 1, [7, 9], [3, 3], [1, 1], [1, 1], [1, 1]],
  [4, 6, 2, [8, 5], [2, 3], [2, 1], [1, 2], [1, 1]],
  [7, 7, 7, [6, 11], [3, 3], [1, 2], [1, 1], [1, 1]],
  [2, 13, 1, [23, 29], [1, 1], [1, 1], [0, 0], [1, 1]],
  [3, 2, 1, [13, 17], [3, 2], [1, 3], [2, 0], [2, 3]],
  [31, 3, 1, [5, 5], [3, 3], [1, 1], [1, 1], [1, 1]],
] as const;

const output = (size: number, axis: 0 | 1, g: Geometry) =>
  Math.floor((size + 2 * g.padding[axis] - g.dilation[axis] * (g.kernel[axis] - 1) - 1) / g.stride[axis]) + 1;

for (const build of BUILDS) {
  const test = suite(`layers: images (${build})`);
  const engine = guardedEngine(build);
  const random = generator(53);

  for (const [inChannels, outChannels, groups, [H, W], kernel, stride, padding, dilation] of CONVOLUTIONS) {
    test(`convolution of ${inChannels} to ${outChannels} channels by ${kernel}, groups ${groups}`, () => {
      const g = { kernel, stride, padding, dilation };
      const options = { inChannels, outChannels, groups, kernelSize: kernel, stride, padding, dilation };
      const layer = new Conv2d(engine, options);
      const weight = tensor(random, outChannels, inChannels / groups, ...kernel);
      const bias = tensor(random, outChannels);
      loadWeights(layer, { weight, bias });
      const x = tensor(random, 2, inChannels, H, W);
      const size = [output(H, 0, g), output(W, 1, g)] as const;
      const got = layer.forward(x);
      assert.equal(got.shape, [2, outChannels, ...size]);
      const want = convolution(x, weight, bias.data, groups, g, size);
      assertWithin(got, want, (i) => 1e-5 * (1 + Math.abs(want[i]!)));
      using resident = engine.tensor(x);
      using result = layer.forward(resident);
      assert.equal(result.toHost().data, got.data);
      const one = layer.forward({ data: x.data.subarray(x.data.length / 2), shape: [inChannels, H, W] });
      assert.equal(one.data, (got.data as Float32Array).subarray(want.length / 2));
      layer.dispose();
    });
  }

  test("padding 'same' keeps the size, also with even kernels", () => {
    using layer = new Conv2d(engine, {
      inChannels: 1,
      outChannels: 1,
      kernelSize: [4, 3],
      padding: "same",
      dilation: 2,
      bias: false,
    });
    const weight = tensor(random, 1, 1, 4, 3);
    loadWeights(layer, { weight });
    const x = tensor(random, 1, 1, 6, 7);
    const g: Geometry = { kernel: [4, 3], stride: [1, 1], padding: [3, 2], dilation: [2, 2] };
    assertWithin(layer.forward(x), convolution(x, weight, undefined, 1, g, [6, 7]), 1e-5);
  });

  test("max pooling", () => {
    for (const [kernel, stride, padding, dilation] of [
      [
        [2, 2],
        [2, 2],
        [0, 0],
        [1, 1],
      ],
      [
        [3, 2],
        [1, 3],
        [1, 1],
        [1, 1],
      ],
      [
        [2, 3],
        [2, 1],
        [1, 0],
        [2, 2],
      ],
    ] as const) {
      const g = { kernel, stride, padding, dilation };
      const x = tensor(random, 2, 3, 9, 11);
      const size = [output(9, 0, g), output(11, 1, g)] as const;
      const got = maxPool2d(engine, x, { kernelSize: kernel, stride, padding, dilation });
      assert.equal(got.shape, [2, 3, ...size]);
      assertWithin(
        got,
        pooling(x, g, size, (values) => Math.max(...values)),
        0,
      );
    }
    const withNaN = { data: Float32Array.of(1, Number.NaN, 3, 2), shape: [2, 2] };
    assertWithin(maxPool2d(engine, withNaN, { kernelSize: 2 }), [Number.NaN], 0);
  });

  test("mean pooling, with padding counted or not, and ceilMode", () => {
    const x = tensor(random, 3, 7, 8);
    const g: Geometry = { kernel: [3, 3], stride: [2, 2], padding: [1, 1], dilation: [1, 1] };
    const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
    const options = { kernelSize: 3, stride: 2, padding: 1 };
    const uncounted = avgPool2d(engine, x, { ...options, countIncludePad: false });
    assertWithin(uncounted, pooling(x, g, [4, 4], mean), 1e-6);
    const nine = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / 9;
    assertWithin(avgPool2d(engine, x, options), pooling(x, g, [4, 4], nine), 1e-6);
    assertWithin(avgPool2d(engine, x, { ...options, divisorOverride: 9 }), pooling(x, g, [4, 4], nine), 1e-6);
    // The last column of windows reaches past the padding: only what is inside counts
    const ceil = avgPool2d(engine, x, { ...options, ceilMode: true });
    assert.equal(ceil.shape, [3, 4, 5]);
    const inside = (values: number[], _: number, ox: number) =>
      values.reduce((sum, v) => sum + v, 0) / (ox === 4 ? 6 : 9);
    assertWithin(ceil, pooling(x, g, [4, 5], inside), 1e-6);
  });

  test("what cannot be is named", () => {
    const make = (options: object) => () =>
      new Conv2d(engine, { inChannels: 4, outChannels: 6, kernelSize: 3, ...options }).dispose();
    assert.throws(make({ groups: 4 }), /outChannels must be a multiple of groups: got 6 and 4/);
    assert.throws(make({ padding: "same", stride: 2 }), /padding 'same' needs stride 1/);
    assert.throws(make({ kernelSize: [3] }), /kernelSize must be an integer or \[height, width\]/);
    using layer = new Conv2d(engine, { inChannels: 4, outChannels: 6, kernelSize: 3 });
    loadWeights(layer, { weight: tensor(random, 6, 4, 3, 3), bias: tensor(random, 6) });
    assert.throws(() => layer.forward(tensor(random, 1, 3, 5, 5)), /x\.shape must be \[B, 4, H, W\]/);
    assert.throws(() => layer.forward(tensor(random, 1, 4, 2, 5)), /smaller than the kernel/);
    assert.throws(
      () => maxPool2d(engine, tensor(random, 3, 3), { kernelSize: 2, padding: 2 }),
      /at most half of kernelSize/,
    );
  });

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}
