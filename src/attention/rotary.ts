// Rotary position embedding (Su et al. 2021, RoFormer, eq. 34).
import { rotaryParameters } from "../engine/abi.generated.js";
import type { CallScope, Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";
import { boolean, finite, integer, integers, knownOptions } from "../checks.js";
import {
  contiguous,
  exactShape,
  floatCode,
  hostData,
  type Operand,
  operand,
  placeFloat32,
  place,
  Result,
} from "../operand.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
import { cosSin, exp, log } from "./elementary.js";
import { checkLayout, packedStrides, readAxes } from "./heads.js";
import type { AnyTensor } from "./options.js";

export interface RotaryOptions {
  /** Angle of pair i at position p: p * base^(-2i / rotaryDim); default 10000. */
  readonly base?: number;
  /** Channels 2i and 2i + 1 form a pair (GPT-J); default false: i and i + rotaryDim / 2 (GPT-NeoX, Llama). */
  readonly interleaved?: boolean;
  /** How many leading channels are rotated, even; default all. */
  readonly rotaryDim?: number;
  /** Position of each token, [S] or [B, S]; default offset, offset + 1, ... */
  readonly positions?: readonly number[] | Int32Array | AnyTensor;
  /** Added to the default positions; default 0. */
  readonly offset?: number;
  /**
   * Your own tables, float [P, rotaryDim / 2], indexed by position (frequencies scaled as YaRN or Llama 3 do, say);
   * or [B, S, rotaryDim / 2], one row per token.
   */
  readonly cos?: AnyTensor;
  readonly sin?: AnyTensor;
  /** Order of the axes; default BHSD. */
  readonly layout?: "BHSD" | "BSHD";
}

/** Positions are held below this, where angles are still exact. */
const MOST_POSITION = 2 ** 28;

/** Rows of cosines and sines, and which row each token uses. */
interface Tables {
  readonly place: (scope: CallScope) => { cos: number; sin: number };
  /** In elements. */
  readonly batchStride: number;
  /** [B or 1, S], or undefined: row s */
  readonly rows?: Int32Array | undefined;
}

export function rotaryEmbedding<T extends AnyTensor>(core: Core, input: T, options: RotaryOptions): T {
  core.open();
  knownOptions(options, ["base", "interleaved", "rotaryDim", "positions", "offset", "cos", "sin", "layout"]);
  const x = operand(core, "input", input);
  const rotate = planRotary(core, x, options);
  return core.call((scope) => {
    const output = new Result(scope, x.tensor !== undefined, x.shape, x.dtype);
    rotate(scope, output.address);
    return output.take(x) as T;
  });
}

/** Checks everything; what it returns places the input and writes it, rotated and packed, to an address. */
export function planRotary(core: Core, x: Operand, options: RotaryOptions): (scope: CallScope, output: number) => void {
  const layout = checkLayout(options.layout);
  const axes = readAxes(x, layout);
  const { batch, heads, length, dim: headDim } = axes;
  const { rotaryDim = headDim, interleaved = false } = options;
  if (options.rotaryDim !== undefined) integer("rotaryDim", rotaryDim, 2, headDim);
  if (rotaryDim % 2 !== 0) throw wrongValue("ERR_VALUE", `rotaryDim must be even: got ${rotaryDim}`);
  boolean("interleaved", interleaved);
  const tables = checkTables(core, options, batch, length, rotaryDim);

  const { rows } = tables;
  return (scope, output) => {
    const packed = packedStrides(axes, headDim, layout, ELEMENT_BYTES[x.dtype]);
    const parameters = scope.block(rotaryParameters, {
      batch,
      heads,
      length,
      headDim,
      rotaryDim,
      interleaved: interleaved ? 1 : 0,
      dtype: floatCode(x),
      input: place(scope, x),
      inputBatch: axes.batchStride,
      inputHead: axes.headStride,
      inputRow: axes.rowStride,
      output,
      outputBatch: packed.batch,
      outputHead: packed.head,
      outputRow: packed.row,
      ...tables.place(scope),
      cacheBatch: tables.batchStride * 4,
      cacheRow: rotaryDim * 2,
      positions: rows ? scope.copyIn(rows) : 0,
      positionsBatch: rows && rows.length !== length ? length * 4 : 0,
      scratch: scope.allocate(headDim * 8),
    });
    core.kernels.rotaryEmbedding(parameters, 0, batch * heads * length);
  };
}

function checkTables(core: Core, options: RotaryOptions, batch: number, length: number, rotaryDim: number): Tables {
  const { offset = 0, base = 10000 } = options;
  integer("offset", offset, -MOST_POSITION, MOST_POSITION);
  const half = rotaryDim / 2;
  if (options.cos === undefined && options.sin === undefined) {
    if (finite("base", base) <= 0) throw wrongValue("ERR_VALUE", `base must be greater than 0: got ${base}`);
    const positions = checkPositions(core, options, batch, length, -MOST_POSITION, MOST_POSITION);
    return computedTables(positions ?? Int32Array.from({ length }, (_, s) => s + offset), length, half, base);
  }
  if (options.cos === undefined || options.sin === undefined) {
    throw wrongValue("ERR_VALUE", "cos and sin must be given together");
  }
  if (options.base !== undefined)
    throw wrongValue("ERR_VALUE", "base cannot be combined with cos and sin, which hold the angles");
  const cos = operand(core, "cos", options.cos);
  const sin = operand(core, "sin", options.sin);
  for (const table of [cos, sin]) {
    floatCode(table);
    contiguous(table);
  }
  exactShape(sin, cos.shape);
  const place = (scope: CallScope) => ({ cos: placeFloat32(scope, cos), sin: placeFloat32(scope, sin) });
  if (cos.shape.length === 3) {
    if (options.positions !== undefined || options.offset !== undefined) {
      throw wrongValue("ERR_VALUE", "positions and offset need cos and sin of shape [P, rotaryDim / 2]");
    }
    exactShape(cos, [batch, length, half]);
    return { place, batchStride: length * half };
  }
  exactShape(cos, [null, half]);
  const last = cos.shape[0]! - 1;
  let rows = checkPositions(core, options, batch, length, 0, last);
  if (!rows && length > 0) {
    if (last + 1 < length) {
      throw wrongValue("ERR_SHAPE", `cos.shape[0] must be at least ${length}, a row per position: got ${last + 1}`);
    }
    integer("offset", offset, 0, last - length + 1);
    rows = Int32Array.from({ length }, (_, s) => s + offset);
  }
  return { place, batchStride: 0, rows };
}

/** [S] or [B, S] of integers, or undefined where none were given. */
function checkPositions(
  core: Core,
  options: RotaryOptions,
  batch: number,
  length: number,
  least: number,
  most: number,
): Int32Array | undefined {
  const { positions } = options;
  if (positions === undefined) return undefined;
  if (options.offset !== undefined) throw wrongValue("ERR_VALUE", "offset cannot be combined with positions");
  let list: unknown = positions;
  if ("shape" in Object(positions)) {
    const argument: Operand = operand(core, "positions", positions);
    exactShape(argument, argument.shape.length === 2 ? [batch, length] : [length]);
    list = hostData(argument);
  }
  const rows = integers("positions", list, least, most);
  if (rows.length !== length && rows.length !== batch * length) {
    throw wrongValue("ERR_SHAPE", `positions must have ${length} entries, or ${batch * length}: got ${rows.length}`);
  }
  return rows;
}

/** One row per distinct place, with angles in float64. */
function computedTables(positions: Int32Array, length: number, half: number, base: number): Tables {
  const cos = new Float32Array(positions.length * half);
  const sin = new Float32Array(positions.length * half);
  for (let i = 0; i < half; i++) {
    const frequency = exp((-i / half) * log(base));
    for (let p = 0; p < positions.length; p++) {
      const [c, s] = cosSin(positions[p]! * frequency);
      cos[p * half + i] = c;
      sin[p * half + i] = s;
    }
  }
  return {
    place: (scope) => ({ cos: scope.copyIn(cos), sin: scope.copyIn(sin) }),
    batchStride: positions.length === length ? 0 : length * half,
  };
}
