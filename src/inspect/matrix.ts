// One matrix out of the weights that a picture is asked to show, in no more cells than can be seen.
import { integer } from "../checks.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { BlockMeans } from "./block-means.js";
import { checkNumbers, type Numbers } from "./numbers.js";

/** A matrix of cells, each the mean of a block of the original. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns] */
  readonly cells: ArrayLike<number>;
  /** What the original has. */
  readonly queries: number;
  readonly keys: number;
  /** Each cell is the mean of so many queries by so many keys (less at the far edges). */
  readonly block: readonly [queries: number, keys: number];
}

export interface Selection {
  /** Which head of [H, Sq, Sk] or [B, H, Sq, Sk]; default 0. */
  readonly head?: number;
  /** Which batch item of [B, H, Sq, Sk]; default 0. */
  readonly batch?: number;
  /** Cells that are means already: of so many queries and keys. */
  readonly extent?: readonly [queries: number, keys: number];
}

/** The chosen matrix of [Sq, Sk], [H, Sq, Sk] or [B, H, Sq, Sk]. */
export function chooseMatrix(name: string, value: Numbers, { head = 0, batch = 0, extent }: Selection, most = 1024) {
  const { data, shape } = checkNumbers(name, value, [2, 3, 4]);
  const [keys, queries, heads = 1, items = 1] = [...shape].reverse() as [number, number, number?, number?];
  if (data.length === 0) throw wrongValue("ERR_SHAPE", `${name} must not be empty: got [${shape.join(", ")}]`);
  integer("head", head, 0, heads - 1);
  integer("batch", batch, 0, items - 1);
  const from = (batch * heads + head) * queries * keys;
  const plain = plainMatrix(slice(data, from, queries * keys), queries, keys, extent);
  const matrix = coarser(plain, most, most);
  return { matrix, heads, batch: items };
}

export function plainMatrix(
  cells: ArrayLike<number>,
  rows: number,
  columns: number,
  extent: readonly [number, number] = [rows, columns],
): Matrix {
  if (!Array.isArray(extent) || extent.length !== 2) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `extent must be [queries, keys]: got ${show(extent)}`);
  }
  const [queries, keys] = [integer("extent[0]", extent[0], 1), integer("extent[1]", extent[1], 1)];
  const block = [Math.ceil(queries / rows), Math.ceil(keys / columns)] as const;
  if (Math.ceil(queries / block[0]) !== rows || Math.ceil(keys / block[1]) !== columns) {
    throw wrongValue(
      "ERR_SHAPE",
      `extent must be what ${rows} by ${columns} blocks of one size cover: got ${show(extent)}`,
    );
  }
  return { rows, columns, cells, queries, keys, block };
}

function slice(data: ArrayLike<number>, from: number, size: number): ArrayLike<number> {
  return ArrayBuffer.isView(data)
    ? (data as unknown as Float32Array).subarray(from, from + size)
    : Array.prototype.slice.call(data, from, from + size);
}

/** The same matrix in at most so many rows and columns. */
export function coarser<M extends Matrix>(matrix: M, rows: number, columns: number): M {
  if (matrix.rows <= rows && matrix.columns <= columns) return matrix;
  const height = Math.ceil(matrix.rows / rows);
  const width = Math.ceil(matrix.columns / columns);
  const blocks = new BlockMeans(matrix.rows, matrix.columns, height, width);
  blocks.add(matrix.cells, 0, matrix.rows);
  return { ...matrix, ...blocks.means(), block: [height * matrix.block[0], width * matrix.block[1]] };
}

/** "3" or "4 to 7": the positions of the original that lie in one row or column. */
export function positions(index: number, block: number, size: number): string {
  const [first, last] = [index * block, Math.min(size, (index + 1) * block) - 1];
  return first === last ? `${first}` : `${first} to ${last}`;
}

/** "64 queries by 64 keys", and what a cell is where it is more than one weight. */
export function describeSize({ queries, keys, block }: Matrix): string {
  const count = (n: number, one: string, many: string) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
  const size = `${count(queries, "query", "queries")} by ${count(keys, "key", "keys")}`;
  return block[0] * block[1] > 1 ? `${size}; each cell is the mean of ${block[0]} by ${block[1]} weights` : size;
}
