// Rows between tensors and the pages of a cache: appended in the type of the cache, or read back as float32.
//
// Shapes: rows [B, Hk, n, dim] with the strides of the parameter block; of batch item b rows [skip, skip + count) are
// positions [position, position + count).
// Contract: every page of those positions is there, and of appended ones belongs to nobody else.
import { CACHE_GROUP, CacheItem, CacheParameters, PAGE_KEYS } from "../abi";
import { elementShift, narrowRow, widenRow } from "../simd/convert";
import { pageAt, quantised, readQuantised } from "./page";
import { writeQuantised } from "./quantise";

/** Appends rows of P.rowsDtype; uses P.scratch. */
export function cacheAppend(parameters: usize): void {
  transfer(changetype<CacheParameters>(parameters), true);
}

/** Reads rows back as f32. */
export function cacheRead(parameters: usize): void {
  transfer(changetype<CacheParameters>(parameters), false);
}

function transfer(P: CacheParameters, append: bool): void {
  const groups = (P.dim + CACHE_GROUP - 1) / CACHE_GROUP;
  const values = P.values != 0;
  const rowBytes = <usize>P.dim << elementShift(P.rowsDtype);
  if (append && quantised(P.dtype)) memory.fill(P.scratch, 0, <usize>(groups * CACHE_GROUP) << 2);
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
        } else if (P.rowsDtype == P.dtype) {
          memory.copy(place, row, rowBytes);
        } else {
          widenRow(row, P.scratch, P.dim, P.rowsDtype);
          if (quantised(P.dtype)) writeQuantised(P.scratch, chunk, slot, groups, P.dtype, values);
          else narrowRow(P.scratch, place, P.dim, P.dtype);
        }
      }
    }
  }
}
