// Rotary position embedding, Su et al. 2021 (RoFormer), eq. 34: each pair of channels is turned by its angle,
// (x, y) -> (x cos - y sin, x sin + y cos).
import { RotaryParameters } from "../abi";
import { narrowRow, widenRow } from "../simd/convert";

/** output [B, H, S, D] = input with its first rotaryDim channels turned; rows [first, last) of B * H * S. */
export function rotaryEmbedding(parameters: usize, first: i32, last: i32): void {
  const P = changetype<RotaryParameters>(parameters);
  const D = P.headDim;
  const x = P.scratch;
  const y = P.scratch + (<usize>D << 2);
  const half = P.rotaryDim >> 1;
  // Distance between the two channels of a pair, and between neighbouring pairs
  const mate: usize = P.interleaved ? 4 : <usize>half << 2;
  const next: usize = P.interleaved ? 8 : 4;
  for (let row = first; row < last; row++) {
    const s = row % P.length;
    const slice = row / P.length;
    const h = slice % P.heads;
    const b = slice / P.heads;
    widenRow(
      P.input + <usize>b * P.inputBatch + <usize>h * P.inputHead + <usize>s * P.inputRow, x, D, P.dtype,
    );
    const position = P.positions ? load<i32>(P.positions + <usize>b * P.positionsBatch + (<usize>s << 2)) : s;
    const cache = <usize>b * P.cacheBatch + <usize>position * P.cacheRow;
    let at: usize = 0;
    for (let i = 0; i < half; i++, at += next) {
      const cos = load<f32>(P.cos + cache + (<usize>i << 2));
      const sin = load<f32>(P.sin + cache + (<usize>i << 2));
      const u = load<f32>(x + at);
      const v = load<f32>(x + at + mate);
      store<f32>(y + at, u * cos - v * sin);
      store<f32>(y + at + mate, u * sin + v * cos);
    }
    const rotated = <usize>P.rotaryDim << 2;
    memory.copy(y + rotated, x + rotated, (<usize>D << 2) - rotated);
    narrowRow(
      y, P.output + <usize>b * P.outputBatch + <usize>h * P.outputHead + <usize>s * P.outputRow, D, P.dtype,
    );
  }
}
