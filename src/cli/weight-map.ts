// The weights of one head as a map of at most so many cells: a few rows of weights at a time, each cell the mean of those
// in it, so that queries by keys never lie in memory at once.
import type { AttentionOptions, Engine } from "../index.js";
import type { RunInputs } from "./run-inputs.js";

export interface WeightMap {
  readonly head: number;
  readonly queries: number;
  readonly keys: number;
  /** Each cell is the mean of so many queries by so many keys (less at the far edges). */
  readonly block: readonly [queries: number, keys: number];
  readonly columns: number;
  readonly rows: number;
  /** [rows, columns] */
  readonly cells: Float32Array;
}

const MAX_CELLS = 1024;
/** Weights computed at a time: 64 MB. */
const MAX_WEIGHTS = 2 ** 24;

/** The map of the first batch item. */
export function collectWeights(
  engine: Engine,
  { query, key, value }: RunInputs,
  options: AttentionOptions,
  head: number,
): WeightMap {
  const axis = options.layout === "BSHD" && query.shape.length >= 3 ? -3 : -2;
  const queries = query.shape.at(axis)!;
  const keys = key.shape.at(axis)!;
  const batch = query.shape.slice(0, -3).reduce((product, size) => product * size, 1);
  const chunk = Math.max(1, Math.floor(MAX_WEIGHTS / (batch * keys)));
  const blocks = new BlockMeans(queries, keys, Math.ceil(queries / MAX_CELLS), Math.ceil(keys / MAX_CELLS));
  for (let start = 0; start < queries; start += chunk) {
    const rows = Array.from({ length: Math.min(chunk, queries - start) }, (_, i) => start + i);
    const { weights } = engine.attention(query, key, value, { ...options, returnWeights: { rows, heads: [head] } });
    blocks.add(weights.data as Float32Array, start, rows.length);
  }
  return { head, queries, keys, ...blocks.means() };
}

/** The same map in at most so many rows and columns. */
export function coarser(map: WeightMap, rows: number, columns: number): WeightMap {
  const blocks = new BlockMeans(map.rows, map.columns, Math.ceil(map.rows / rows), Math.ceil(map.columns / columns));
  blocks.add(map.cells, 0, map.rows);
  const { block, ...means } = blocks.means();
  return { ...map, ...means, block: [block[0] * map.block[0], block[1] * map.block[1]] };
}

/** Means over blocks of a matrix that comes a few rows at a time. */
class BlockMeans {
  readonly #height: number;
  readonly #width: number;
  readonly #block: readonly [number, number];
  readonly #columns: number;
  readonly #sums: Float64Array;

  constructor(height: number, width: number, blockRows: number, blockColumns: number) {
    this.#height = height;
    this.#width = width;
    this.#block = [blockRows, blockColumns];
    this.#columns = Math.ceil(width / blockColumns);
    this.#sums = new Float64Array(Math.ceil(height / blockRows) * this.#columns);
  }

  add(values: Float32Array, firstRow: number, rows: number): void {
    for (let y = 0; y < rows; y++) {
      const row = Math.floor((firstRow + y) / this.#block[0]) * this.#columns;
      for (let x = 0; x < this.#width; x++) {
        this.#sums[row + Math.floor(x / this.#block[1])]! += values[y * this.#width + x]!;
      }
    }
  }

  means() {
    const columns = this.#columns;
    const inside = (cell: number, block: number, size: number) => Math.min(size, (cell + 1) * block) - cell * block;
    const cells = Float32Array.from(this.#sums, (sum, i) => {
      const row = Math.floor(i / columns);
      return sum / (inside(row, this.#block[0], this.#height) * inside(i % columns, this.#block[1], this.#width));
    });
    return { block: this.#block, columns, rows: cells.length / columns, cells };
  }
}
