// Queries, keys and values as the kernels see them: [B, H, S, D] whatever their rank and layout, and whether they fit together.
import { choice } from "../checks.js";
import { wrongValue } from "../errors.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
import { contiguousRows, floatCode, headSize, type Operand } from "../operand.js";
import { flattenAxes, showShape } from "../shape.js";

export type Layout = "BHSD" | "BSHD";

/** One tensor of the call, seen as [B, H, S, D] whatever its rank and layout; strides in bytes. */
export interface Heads {
  readonly operand: Operand;
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly dim: number;
  readonly batchStride: number;
  readonly headStride: number;
  readonly rowStride: number;
}

export function checkLayout(layout: unknown = "BHSD"): Layout {
  return choice("layout", layout, ["BHSD", "BSHD"]);
}

/** Which axis has the heads, of more than two, and which the sequence. */
function axesOf(rank: number, layout: Layout) {
  const swapped = layout === "BSHD" && rank > 2;
  return { heads: swapped ? rank - 2 : rank - 3, length: swapped ? rank - 3 : rank - 2 };
}

/** As `readAxes`, of what attention takes: heads of a size that its kernels can hold. */
export function readHeads(argument: Operand, layout: Layout): Heads {
  const heads = readAxes(argument, layout);
  headSize(`${argument.name}.shape[${argument.shape.length - 1}]`, heads.dim);
  return heads;
}

/** Throws unless there are a sequence and channels that lie side by side. */
export function readAxes(argument: Operand, layout: Layout): Heads {
  const { name, shape, strides, dtype } = argument;
  const rank = shape.length;
  if (rank < 2) {
    throw wrongValue("ERR_SHAPE", `${name}.shape must have at least 2 axes, [S, D]: got ${showShape(shape)}`);
  }
  floatCode(argument);
  contiguousRows(argument);
  const bytes = ELEMENT_BYTES[dtype];
  const axis = axesOf(rank, layout);
  const [batch, batchStride] = flattenAxes(name, shape.slice(0, -3), strides.slice(0, -3));
  return {
    operand: argument,
    batch,
    heads: rank === 2 ? 1 : shape[axis.heads]!,
    length: shape[axis.length]!,
    dim: shape[rank - 1]!,
    batchStride: batchStride * bytes,
    headStride: rank === 2 ? 0 : strides[axis.heads]! * bytes,
    rowStride: strides[axis.length]! * bytes,
  };
}

/** Byte strides of a packed tensor with the heads and rows of another. */
export function packedStrides({ heads, length }: Heads, dim: number, layout: Layout, bytes: number) {
  const batch = heads * length * dim * bytes;
  return layout === "BHSD"
    ? { batch, head: length * dim * bytes, row: dim * bytes }
    : { batch, head: dim * bytes, row: heads * dim * bytes };
}

/** Throws unless key and value fit the query; messages count axes as the caller wrote them. */
export function checkShapes(query: Heads, key: Heads, value: Heads, layout: Layout): void {
  const rank = query.operand.shape.length;
  for (const { operand: other } of [key, value]) {
    if (other.shape.length !== rank) {
      throw wrongValue(
        "ERR_SHAPE",
        `${other.name}.shape must have ${rank} axes, as query has: got ${showShape(other.shape)}`,
      );
    }
  }
  const axis = axesOf(rank, layout);
  if (key.dim !== query.dim) mismatch("key", rank - 1, `equal query.shape[${rank - 1}]`, query.dim, key.dim);
  if (value.length !== key.length) {
    mismatch("value", axis.length, `equal key.shape[${axis.length}]`, key.length, value.length);
  }
  if (value.heads !== key.heads) {
    mismatch("value", axis.heads, `equal key.shape[${axis.heads}]`, key.heads, value.heads);
  }
  if (key.heads === 0 ? query.heads !== 0 : query.heads % key.heads !== 0) {
    mismatch("key", axis.heads, `divide query.shape[${axis.heads}]`, `a divisor of ${query.heads}`, key.heads);
  }
  for (const other of [key, value]) {
    const lead = showShape(query.operand.shape.slice(0, -3));
    const got = showShape(other.operand.shape.slice(0, -3));
    if (got === lead || other.batch === 1) continue;
    if (rank === 4) {
      mismatch(other.operand.name, 0, "equal query.shape[0], or be 1", query.batch, other.batch);
    }
    throw wrongValue(
      "ERR_SHAPE",
      `the leading axes of ${other.operand.name} must be ${lead}, as query's are, or 1: got ${got}`,
    );
  }
}

function mismatch(name: string, axis: number, rule: string, expected: number | string, got: number): never {
  throw wrongValue("ERR_SHAPE", `${name}.shape[${axis}] must ${rule}: expected ${expected}, got ${got}`);
}
