// The error function, and the normal distribution's tail that GELU is made of.
import { erf, gelu } from "../../build/layers.js";

const N = 65536;

export function cases({ engine, tensor }) {
  const x = tensor([N]);
  return Object.entries({ erf, gelu }).map(([title, run]) => ({
    title,
    elements: N,
    run: () => run(engine, x).dispose(),
  }));
}
