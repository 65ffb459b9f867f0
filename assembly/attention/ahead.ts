// Reading ahead, with loads whose result nobody needs: WebAssembly has no prefetch. Hardware does prefetch what is read in order, but
// stops at the end of a page, whose successor it would have to look up first; a load from a page two ahead has that done in
// time. Where rows are read side by side, their lines are asked for in order before (docs/kernels.md).
// Contract: what the functions return is stored once, at the end, where nobody reads it, or engines may leave the loads out. Not at
// each turn: a store that waits for memory holds up whatever load the processor takes for its reader.

const PAGE: usize = 4096;
const AHEAD: usize = 2 * PAGE;
const LINE: usize = 64;

/** The last page of memory. */
// @ts-ignore: decorator
@inline
export function lastPage(): usize {
  return (<usize>memory.size() << 16) - PAGE;
}

/** How far ahead pages are looked up: two of them, or, where rows are further apart than that, two rows. */
// @ts-ignore: decorator
@inline
export function pagesAhead(stride: usize): usize {
  return max(AHEAD, stride << 1);
}

/** Has the page of an address looked up. */
// @ts-ignore: decorator
@inline
export function lookUpPage(at: usize, last: usize): i32 {
  return load<i32>(min(at, last) & ~(PAGE - 1));
}

/** Has lines read. */
export function readLines(at: usize, bytes: usize, last: usize): i32 {
  let lines: i32 = 0;
  const end = min(at + bytes, last);
  for (; at < end; at += LINE) lines |= load<i32>(at);
  return lines;
}
