// Rows between tensors and the pages of a cache: appended in the type of the cache, or read back as float32.
//
// Shapes: rows [B, Hk, n, dim] with the strides of the parameter block; of batch item b rows [skip, skip + count) are
// positions [position, position + count).
// Contract: every page of those positions is there, and of appended ones belongs to nobody else.
import { CACHE_GROUP, CacheItem, CacheParameters, DTYPE_FLOAT16, PAGE_KEYS } from "../abi";
import { elementShift, narrowRow, widenRow } from "../simd/convert";
import { pageAt, quantised, readQuantised } from "./page";
import { writeQuantised } from "./quantise";

/** Appends rows of P.rowsDtype; uses P.scratch. Returns whether all are finite, of float16; of other types 1. */
export function cacheAppend(parameters: usize): bool {
  return transfer(changetype<CacheParameters>(parameters), true);
}

/** Reads rows back as f32. */
export function cacheRead(parameters: usize): void {
  transfer(changetype<CacheParameters>(parameters), false);
}

function transfer(P: CacheParameters, append: bool): bool {
  const groups = (P.dim + CACHE_GROUP - 1) / CACHE_GROUP;
  const values = P.values != 0;
  const rowBytes = <usize>P.dim << elementShift(P.rowsDtype);
  let most = i16x8.splat(0);
  for (let b = 0; b < P.batch; b++) {
    const item = changetype<CacheItem>(P.items + <usize>b * offsetof<CacheItem>());
    const pages = P.pages + <usize>b * P.pagesBatch;
    for (let h = 0; h < P.heads; h++) {
      const head = P.chunk + <usize>h * P.chunkHead;
      let row = P.rows + <usize>b * P.rowsBatch + <usize>h * P.rowsHead + <usize>item.skip * P.rowsRow;
      for (let i = 0; i < item.count; i++, row += P.rowsRow) {
        const position = item.position + i;
        const slot = position & (PAGE_KEYS - 1);
        const chunk = pageAt(pages, position) + head;
        const place = chunk + <usize>slot * P.chunkRow;
        if (!append) {
          if (quantised(P.dtype)) readQuantised(chunk, slot, P.dim, P.dtype, values, row);
          else widenRow(place, row, P.dim, P.dtype);
        } else if (quantised(P.dtype)) {
          memory.fill(P.scratch, 0, <usize>(groups * CACHE_GROUP) << 2);
          widenRow(row, P.scratch, P.dim, P.rowsDtype);
          writeQuantised(P.scratch, chunk, slot, groups, P.dtype, values);
        } else {
          if (P.rowsDtype == P.dtype) {
            memory.copy(place, row, rowBytes);
          } else {
            widenRow(row, P.scratch, P.dim, P.rowsDtype);
            narrowRow(P.scratch, place, P.dim, P.dtype);
          }
          const end = place + P.chunkRow;
          for (let at = place; at < end; at += 16) most = i16x8.max_u(most, i16x8.shl(v128.load(at), 1));
        }
      }
    }
  }
  // An exponent of all ones
  return P.dtype != DTYPE_FLOAT16 || !v128.any_true(i16x8.ge_u(most, i16x8.splat(<i16>0xf800)));
}
