// Exact merge of attention over disjoint sets of keys:
// lse = log sum_p e^lse_p, output = sum_p e^(lse_p - lse) output_p (Rabe and Staats 2021; Dao et al. 2023, section 3.1).
import { EXP_CONSTANTS, MergeParameters } from "../abi";
import { narrowRow, widenRow } from "../simd/convert";
import { exp, log, madd, storeExpConstants } from "../simd/math";

/** Merges rows [first, last) of B * H * Sq. A row that no part saw a key for stays zero, lse -Infinity. */
export function mergeAttention(parameters: usize, first: i32, last: i32): void {
  const P = changetype<MergeParameters>(parameters);
  const bytes = <usize>P.valueDim << 2;
  const constants = P.scratch;
  const sum = constants + <usize>EXP_CONSTANTS;
  // Whole vectors are added up
  const part = sum + ((bytes + 15) & ~15);
  storeExpConstants(constants, 0);
  for (let row = first; row < last; row++) {
    const slice = row / P.length;
    const at = <usize>(slice / P.heads) * P.outputBatch + <usize>(slice % P.heads) * P.outputHead
      + <usize>(row % P.length) * P.outputRow;
    let m: f32 = -Infinity;
    let broken = false;
    for (let p = 0; p < P.parts; p++) {
      const lse = lseOf(P, p, row);
      if (lse > m) m = lse;
      if (lse != lse) broken = true;
    }
    memory.fill(sum, 0, bytes);
    let l: f64 = 0;
    if (m != -Infinity || broken) {
      for (let p = 0; p < P.parts; p++) {
        const lse = lseOf(P, p, row);
        // No key in this part: its output is defined as zero and is not read
        if (lse == -Infinity) continue;
        const weight = f32x4.extract_lane(exp(f32x4.splat(lse - m), constants), 0);
        // As exact as not to look at it, and an infinite output stays out
        if (weight == 0) continue;
        l += <f64>weight;
        widenRow(load<usize>(P.outputs + (<usize>p << 2)) + at, part, P.valueDim, P.dtype);
        addScaled(part, weight, sum, P.valueDim);
      }
      scaleRow(sum, <f32>(1 / l), P.valueDim);
    }
    narrowRow(sum, P.output + at, P.valueDim, P.dtype);
    let lse: f32 = -Infinity;
    if (l > 0) lse = <f32>(<f64>m + log(l));
    else if (l != l) lse = NaN;
    store<f32>(P.lse + (<usize>row << 2), lse);
  }
}

// @ts-ignore: decorator
@inline
function lseOf(P: MergeParameters, part: i32, row: i32): f32 {
  return load<f32>(load<usize>(P.lses + (<usize>part << 2)) + (<usize>row << 2));
}

/** to f32 [n rounded up to 4] += x times weight */
function addScaled(x: usize, weight: f32, to: usize, n: i32): void {
  const end = to + (<usize>n << 2);
  const w = f32x4.splat(weight);
  for (; to < end; to += 16, x += 16) v128.store(to, madd(v128.load(x), w, v128.load(to)));
}

/** to f32 [n rounded up to 4] *= factor */
function scaleRow(to: usize, factor: f32, n: i32): void {
  const end = to + (<usize>n << 2);
  for (; to < end; to += 16) v128.store(to, f32x4.mul(v128.load(to), f32x4.splat(factor)));
}
