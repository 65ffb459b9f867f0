// Pooling over windows of 2 x 2.
import { avgPool2d, maxPool2d } from "../../build/layers.js";

const SHAPE = [1, 64, 32, 32];

export function cases({ engine, tensor }) {
  const x = tensor(SHAPE);
  return Object.entries({ maxPool2d, avgPool2d }).map(([name, run]) => ({
    title: `${name}, 2 x 2, 64 planes of 32 x 32`,
    elements: SHAPE.reduce((n, size) => n * size),
    run: () => run(engine, x, { kernelSize: 2 }).dispose(),
  }));
}
