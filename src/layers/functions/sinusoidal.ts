// Sinusoidal positions (Vaswani et al. 2017, section 3.5): sin and cos of position * base^(-2i / dim), side by side.
import { cosSin, exp, log } from "../../attention/elementary.js";
import { finite, integer, knownOptions } from "../../checks.js";
import { wrongValue } from "../../errors.js";
import type { HostTensor } from "../../host-tensor.js";

export interface SinusoidalOptions {
  /** Default 10000. */
  readonly base?: number;
  /** Position of the first row; default 0. */
  readonly offset?: number;
}

/** float32 [length, dim]: row p has sin(p w_i) in channel 2i and cos(p w_i) in channel 2i + 1; the same bits everywhere. */
export function sinusoidalPositions(
  length: number,
  dim: number,
  options: SinusoidalOptions = {},
): HostTensor<Float32Array<ArrayBuffer>> {
  integer("length", length, 0);
  integer("dim", dim, 1);
  knownOptions(options, ["base", "offset"]);
  const base = finite("base", options.base ?? 10000);
  if (base <= 0) throw wrongValue("ERR_VALUE", `base must be above 0: got ${base}`);
  const offset = integer("offset", options.offset ?? 0, 0, 2 ** 28 - length);
  const frequencies = Array.from({ length: Math.ceil(dim / 2) }, (_, i) => exp((-2 * i * log(base)) / dim));
  const data = new Float32Array(length * dim);
  for (let row = 0; row < length; row++) {
    for (const [i, frequency] of frequencies.entries()) {
      const [cos, sin] = cosSin((offset + row) * frequency);
      data[row * dim + 2 * i] = sin;
      if (2 * i + 1 < dim) data[row * dim + 2 * i + 1] = cos;
    }
  }
  return { data, shape: [length, dim] };
}
