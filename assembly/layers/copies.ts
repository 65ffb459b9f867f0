// Moving elements: other orders of axes, and rows of a table.
import { CopyParameters } from "./abi";

/** to = from read with its strides, row-major; f32. */
export function copyStrided(parameters: usize): void {
  const P = changetype<CopyParameters>(parameters);
  copyAxis(P, 0, P.from, P.to);
}

/** @returns where the copy ended in `to` */
function copyAxis(P: CopyParameters, axis: i32, from: usize, to: usize): usize {
  const at = <usize>axis << 2;
  const size = load<i32>(P.shape + at);
  const stride = <usize>(load<i32>(P.fromStrides + at) << 2);
  if (axis + 1 < P.rank) {
    for (let i = 0; i < size; i++, from += stride) to = copyAxis(P, axis + 1, from, to);
    return to;
  }
  if (stride == 4) {
    const bytes = <usize>size << 2;
    memory.copy(to, from, bytes);
    return to + bytes;
  }
  for (let i = 0; i < size; i++, from += stride, to += 4) store<f32>(to, load<f32>(from));
  return to;
}

/** to f32 [n][size] = rows of a table f32 [..][size], by indices i32 [n] that the host has checked. */
export function gatherRows(table: usize, size: i32, indices: usize, n: i32, to: usize): void {
  const bytes = <usize>size << 2;
  for (let i = 0; i < n; i++, to += bytes) {
    memory.copy(to, table + <usize>load<i32>(indices + (<usize>i << 2)) * bytes, bytes);
  }
}
