// Pages of caches: one block of memory shared by a cache and its forks, and pages beside it where it may grow. A page that
// several sequences hold is counted, and copied by whoever writes to it first.
import type { Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";

export interface Page {
  readonly address: number;
  /** Sequences that hold it, of any cache. */
  refs: number;
  /** Whether every float16 that was written to it is. */
  finite: boolean;
}

export class Pool {
  /** Caches that live on it; freed with the last. */
  owners = 0;
  readonly core: Core;
  readonly pageBytes: number;
  readonly #block: number;
  readonly #pages: number;
  /** Whether a page more may be allocated when all are taken. */
  readonly #grows: boolean;
  /** Addresses in the block. */
  readonly #free: number[] = [];
  /** Pages beside it, how many, and which of them are free. */
  readonly #extra = new Set<number>();
  #freeExtra: number[] = [];

  constructor(core: Core, pageBytes: number, pages: number, grows: boolean) {
    this.core = core;
    this.pageBytes = pageBytes;
    this.#block = core.memory.allocate(pages * pageBytes);
    this.#pages = pages;
    this.#grows = grows;
    for (let i = pages - 1; i >= 0; i--) this.#free.push(this.#block + i * pageBytes);
  }

  get bytes(): number {
    return (this.#pages + this.#extra.size) * this.pageBytes;
  }

  /** Makes sure that n pages can be taken, or throws. */
  reserve(n: number): void {
    const left = this.#free.length + this.#freeExtra.length;
    if (n > left && !this.#grows) {
      throw wrongValue(
        "ERR_CAPACITY",
        `the pool of ${this.#pages} pages is exhausted: ${n} more are needed and ${left} are left; ` +
          "truncate or dispose of caches that share it, or make it with more pages",
      );
    }
    try {
      for (let i = left; i < n; i++) {
        const address = this.core.memory.allocate(this.pageBytes);
        this.#extra.add(address);
        this.#freeExtra.push(address);
      }
    } catch (error) {
      this.trim();
      throw error;
    }
  }

  /** A page of zeros, or a copy of another's. */
  take(like?: Page): Page {
    const address = (this.#freeExtra.pop() ?? this.#free.pop())!;
    const { bytes } = this.core.memory;
    if (like) bytes.copyWithin(address, like.address, like.address + this.pageBytes);
    else bytes.fill(0, address, address + this.pageBytes);
    return { address, refs: 1, finite: like?.finite ?? true };
  }

  release(page: Page): void {
    if (--page.refs === 0) (this.#extra.has(page.address) ? this.#freeExtra : this.#free).push(page.address);
  }

  /** Gives back the pages beside the block that nobody holds. */
  trim(): void {
    for (const address of this.#freeExtra) {
      this.#extra.delete(address);
      this.core.memory.free(address, this.pageBytes);
    }
    this.#freeExtra = [];
  }

  /** Gives up one owner. */
  leave(): void {
    this.trim();
    if (--this.owners === 0) this.core.memory.free(this.#block, this.#pages * this.pageBytes);
  }
}
