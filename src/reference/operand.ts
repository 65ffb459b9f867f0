// The plain arrays that the oracle reads and writes: numbers in C order beside a shape.

/** Numbers in C order; the oracle widens whatever it is given to float64. */
export interface Operand {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** What the oracle gives: float64. */
export interface Result {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

export function count(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** The element at (b, h, i, j) of an operand that is broadcast to [B, H, Sq, Sk] from the right. */
export function broadcastAt(operand: Operand, ...index: readonly number[]): number {
  const { data, shape } = operand;
  let at = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis]!;
    const i = index[index.length - shape.length + axis]!;
    at = at * extent + (extent === 1 ? 0 : i);
  }
  return data[at]!;
}
