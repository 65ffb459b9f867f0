// Means over blocks of a matrix that comes a few rows at a time, so that the whole of it never lies in memory.

export class BlockMeans {
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

  add(values: ArrayLike<number>, firstRow: number, rows: number): void {
    for (let y = 0; y < rows; y++) {
      const row = Math.floor((firstRow + y) / this.#block[0]) * this.#columns;
      for (let column = 0; column < this.#columns; column++) {
        const from = y * this.#width;
        const end = from + Math.min(this.#width, (column + 1) * this.#block[1]);
        let sum = 0;
        for (let at = from + column * this.#block[1]; at < end; at++) sum += values[at]!;
        this.#sums[row + column]! += sum;
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
