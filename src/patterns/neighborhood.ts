// Neighbourhoods in two dimensions: each cell of a picture sees the k x k cells nearest to it.
//
// Source: Hassani et al. 2023, "Neighborhood attention transformer", section 3.1: at the edges the neighbourhood is moved
// inwards rather than cut, so that every cell sees equally many; dilated: Hassani and Shi 2022, section 3.
import type { MaskPredicate } from "../attention/block-mask.js";
import { integer, knownOptions } from "../checks.js";
import { show, wrongKind, wrongValue } from "../errors.js";

export interface NeighborhoodOptions {
  /** Cells of the picture; tokens are its cells row by row. */
  readonly height: number;
  readonly width: number;
  /** Cells of the neighbourhood, odd: one number, or those of height and width. */
  readonly kernel: number | readonly [height: number, width: number];
  /** From one cell of the neighbourhood to the next; default 1. */
  readonly dilation?: number | readonly [height: number, width: number];
}

/** For tokens height * width, queries and keys alike; each attends to exactly as many keys as the kernel has cells. */
export function neighborhoodMask(options: NeighborhoodOptions): MaskPredicate {
  knownOptions(options, ["height", "width", "kernel", "dilation"]);
  const height = integer("height", options.height, 1);
  const width = integer("width", options.width, 1);
  const [kernelY, kernelX] = pair("kernel", options.kernel);
  const [dilationY, dilationX] = pair("dilation", options.dilation === undefined ? 1 : options.dilation);
  const rows = axis("height", height, kernelY, dilationY);
  const columns = axis("width", width, kernelX, dilationX);
  return (_b, _h, q, k) => rows(Math.floor(q / width), Math.floor(k / width)) && columns(q % width, k % width);
}

/** Whether j is one of the `kernel` nearest of i's own class modulo `dilation`. */
function axis(
  name: "height" | "width",
  size: number,
  kernel: number,
  dilation: number,
): (i: number, j: number) => boolean {
  if (kernel % 2 === 0) throw wrongValue("ERR_VALUE", `kernel must be odd: got ${kernel}`);
  if (kernel * dilation > size) {
    throw wrongValue(
      "ERR_VALUE",
      `kernel times dilation must be at most the ${name}, ${size}: got ${kernel * dilation}`,
    );
  }
  const start = Int32Array.from({ length: size }, (_, i) => {
    const group = i % dilation;
    const members = Math.ceil((size - group) / dilation);
    const place = Math.floor(i / dilation) - (kernel - 1) / 2;
    return group + dilation * Math.min(Math.max(place, 0), members - kernel);
  });
  return (i, j) => {
    const from = j - start[i]!;
    return from >= 0 && from < kernel * dilation && from % dilation === 0;
  };
}

function pair(name: string, value: number | readonly [number, number]): [number, number] {
  if (typeof value === "number") return [integer(name, value, 1), value];
  if (!Array.isArray(value) || value.length !== 2) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a number or [height, width]: got ${show(value)}`);
  }
  return [integer(`${name}[0]`, value[0], 1), integer(`${name}[1]`, value[1], 1)];
}
