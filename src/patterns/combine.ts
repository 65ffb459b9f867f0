// Masks made of masks, and masks as matrices to look at. Names as in FlexAttention (Dong et al. 2024).
import type { BlockMaskShape, MaskPredicate } from "../attention/block-mask.js";
import { integer, knownOptions } from "../checks.js";
import { show, wrongKind } from "../errors.js";

/** Attends where every one of the masks does. */
export function andMasks(...masks: readonly MaskPredicate[]): MaskPredicate {
  checkMasks(masks);
  return (b, h, q, k) => masks.every((mask) => mask(b, h, q, k));
}

/** Attends where any of the masks does. */
export function orMasks(...masks: readonly MaskPredicate[]): MaskPredicate {
  checkMasks(masks);
  return (b, h, q, k) => masks.some((mask) => mask(b, h, q, k));
}

/**
 * The mask as a bool tensor, 1 = attend: [Sq, Sk], and with axes of batch and heads where the shape names them. To look at
 * (`heatmap`), or as the option `mask`; `createBlockMask` is what saves work.
 */
export function maskMatrix(
  attends: MaskPredicate,
  shape: BlockMaskShape,
): { data: Uint8Array<ArrayBuffer>; shape: number[]; dtype: "bool" } {
  checkMasks([attends]);
  knownOptions(shape, ["batch", "heads", "queryLength", "keyLength"]);
  const batch = integer("shape.batch", shape.batch ?? 1, 1);
  const heads = integer("shape.heads", shape.heads ?? 1, 1);
  const queries = integer("shape.queryLength", shape.queryLength, 0);
  const keys = integer("shape.keyLength", shape.keyLength, 0);
  const data = new Uint8Array(batch * heads * queries * keys);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let q = 0; q < queries; q++) {
        for (let k = 0; k < keys; k++) data[at++] = attends(b, h, q, k) ? 1 : 0;
      }
    }
  }
  const lead = shape.batch !== undefined ? [batch, heads] : shape.heads !== undefined ? [heads] : [];
  return { data, shape: [...lead, queries, keys], dtype: "bool" };
}

function checkMasks(masks: readonly unknown[]): void {
  for (const mask of masks) {
    if (typeof mask !== "function") {
      throw wrongKind("ERR_ARGUMENT_TYPE", `a mask must be a function of (b, h, q, k): got ${show(mask)}`);
    }
  }
}
