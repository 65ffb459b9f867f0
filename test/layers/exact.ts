// What layers compute, in float64 and plainly.
import type { HostTensor } from "../../src/index.js";

export type Numbers = ArrayLike<number>;

/** erfc by its Taylor series near 0 and its continued fraction (Abramowitz and Stegun 7.1.14) further out; about 1e-15. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** By the names of the functions in attention-wasm/layers, with their default options. */
export const ACTIVATIONS: Record<string, (x: number) => number> = {
  relu: (x) => Math.max(x, 0),
  leakyRelu: (x) => (x < 0 ? 0.01 * x : x),
  // The tail where x lies, so that no digits cancel here either
  gelu: (x) => 0.5 * x * erfc(-x / Math.SQRT2),
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  sigmoid,
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  erf: (x) => (Math.abs(x) < 0.4 ? erfNearZero(x) : 1 - erfc(x)),
};

function erfNearZero(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 30; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export const geluTanh = (x: number) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));

/** C [M, N] = A [M, K] B, B [K, N] or, transposed, [N, K]; and the sums of |a b|, which rounding errors are measured by. */
export function product(a: Numbers, b: Numbers, M: number, K: number, N: number, transposed = false) {
  const data = new Float64Array(M * N);
  const size = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) {
        const term = a[m * K + k]! * b[transposed ? n * K + k : k * N + n]!;
        data[m * N + n]! += term;
        size[m * N + n]! += Math.abs(term);
      }
    }
  }
  return { data, size };
}

/** Throws unless |got - want| <= bound(i) everywhere; NaN equals NaN. */
export function assertWithin(
  got: HostTensor,
  want: Numbers,
  bound: number | ((i: number) => number),
  what = "element",
): void {
  const data = got.data as Float32Array;
  if (data.length !== want.length) throw new Error(`${what}: ${data.length} elements, expected ${want.length}`);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [data[i]!, want[i]!];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const allowed = typeof bound === "number" ? bound : bound(i);
    if (!(Math.abs(x - y) <= allowed)) throw new Error(`${what} ${i} is ${x}, expected ${y} within ${allowed}`);
  }
}

/** Distance in units of the last place of the nearest float32. */
export function ulps(got: number, exact: number): number {
  const magnitude = Math.max(Math.abs(exact), 2 ** -126);
  return Math.abs(got - exact) / 2 ** (Math.floor(Math.log2(magnitude)) - 23);
}
