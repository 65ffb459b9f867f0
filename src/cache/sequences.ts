// Which pages the sequences of a cache hold. Every mode is a policy of which there are: all up to the length, or only those
// of the pinned and the newest tokens.
import { PAGE_KEYS } from "../engine/abi.generated.js";
import type { Page, Pool } from "./pool.js";

export interface Sequence {
  length: number;
  /** The first token that is kept, pinned ones aside. */
  start: number;
  /** By floor(position / 64); undefined where they were given up. */
  readonly pages: (Page | undefined)[];
}

/** A place for a page, and what is there now. */
type Slot = [page: Page | undefined, pages: (Page | undefined)[], index: number];

/** Pages that so many tokens lie in. */
export const pagesOf = (length: number) => Math.ceil(length / PAGE_KEYS);

export class Sequences {
  readonly pool: Pool;
  /** Newest tokens that are kept. */
  readonly #kept: number;
  readonly #pinned: number;
  readonly list: readonly Sequence[];
  /** How often it grew or was shortened. */
  changes = 0;

  constructor(pool: Pool, kept: number, pinned: number, list: readonly Sequence[]) {
    this.pool = pool;
    this.#kept = kept;
    this.#pinned = pinned;
    this.list = list;
    pool.owners++;
  }

  get lengths(): Int32Array {
    return Int32Array.from(this.list, ({ length }) => length);
  }

  get longest(): number {
    return this.list.reduce((most, { length }) => Math.max(most, length), 0);
  }

  /**
   * What kernels are told: of each sequence its first `kept` pages, and those that come `skipped[b]` later.
   * @returns addresses u32 [B, width], 0 where there is no page, and whether all float16 in them is finite
   */
  table(width: number, skipped?: readonly number[], kept = 0): { addresses: Uint32Array; finite: boolean } {
    const addresses = new Uint32Array(this.list.length * width);
    let finite = true;
    this.list.forEach(({ pages }, b) => {
      const skip = skipped?.[b] ?? 0;
      for (let i = 0; i < width; i++) {
        const page = pages[i < kept ? i : i + skip];
        if (!page) continue;
        addresses[b * width + i] = page.address;
        finite &&= page.finite;
      }
    });
    return { addresses, finite };
  }

  /** Pages that growing to these lengths takes from the pool, less those it gives back: what `grow` will do, counted. */
  missing(lengths: Int32Array): number {
    let missing = 0;
    const refs = new Map<Page, number>();
    const refsOf = (page: Page) => refs.get(page) ?? page.refs;
    const release = (page: Page) => refs.set(page, refsOf(page) - 1);
    for (const [page] of this.#givenUp(lengths)) {
      release(page!);
      if (refsOf(page!) === 0) missing--;
    }
    for (const [page] of this.#written(lengths)) {
      if (page && refsOf(page) === 1) continue;
      missing++;
      if (page) release(page);
    }
    return missing;
  }

  /**
   * Has every page that tokens up to these lengths are written to, for itself; `missing` pages must be reserved.
   * @returns those pages
   */
  grow(lengths: Int32Array): Page[] {
    const { pool } = this;
    this.changes++;
    const written: Page[] = [];
    for (const [page, pages, i] of this.#givenUp(lengths)) {
      pool.release(page!);
      pages[i] = undefined;
    }
    for (const [page, pages, i] of this.#written(lengths)) {
      const own = page?.refs === 1 ? page : pool.take(page);
      if (page && page !== own) pool.release(page);
      pages[i] = own;
      written.push(own);
    }
    this.list.forEach((sequence, b) => {
      sequence.length = lengths[b]!;
      sequence.start = this.#startAt(sequence, sequence.length);
    });
    pool.trim();
    return written;
  }

  /** Shortens every sequence. */
  truncate(lengths: Int32Array): void {
    this.changes++;
    this.list.forEach((sequence, b) => {
      const length = lengths[b]!;
      for (const page of sequence.pages.splice(pagesOf(length))) if (page) this.pool.release(page);
      sequence.length = length;
      sequence.start = Math.min(sequence.start, length);
    });
    this.pool.trim();
  }

  /** The same pages once more, for these sequences. */
  fork(items: ArrayLike<number>): Sequences {
    const list = Array.from(items, (item) => {
      const { length, start, pages } = this.list[item]!;
      for (const page of pages) if (page) page.refs++;
      return { length, start, pages: [...pages] };
    });
    return new Sequences(this.pool, this.#kept, this.#pinned, list);
  }

  /** Pages that are held, and those of them that other caches hold too. */
  count(): { held: number; shared: number } {
    const own = new Map<Page, number>();
    for (const { pages } of this.list) {
      for (const page of pages) if (page) own.set(page, (own.get(page) ?? 0) + 1);
    }
    let shared = 0;
    for (const [{ refs }, n] of own) if (refs > n) shared++;
    return { held: own.size, shared };
  }

  dispose(): void {
    this.truncate(new Int32Array(this.list.length));
    this.pool.leave();
  }

  /** The first token kept once a sequence has grown to a length, pinned ones aside. */
  #startAt({ start }: Sequence, length: number): number {
    return Math.max(start, length - this.#kept);
  }

  /** The pages that tokens up to these lengths are written to. */
  #written(lengths: Int32Array): Iterable<Slot> {
    return this.#slots((sequence, b) =>
      lengths[b] === sequence.length ? [0, 0] : [Math.floor(sequence.length / PAGE_KEYS), pagesOf(lengths[b]!)],
    );
  }

  /** The pages that hold nothing to keep once the sequences have grown to these lengths. */
  *#givenUp(lengths: Int32Array): Iterable<Slot> {
    const slots = this.#slots((sequence, b) => [
      Math.max(Math.floor(sequence.start / PAGE_KEYS), pagesOf(this.#pinned)),
      Math.floor(this.#startAt(sequence, lengths[b]!) / PAGE_KEYS),
    ]);
    for (const slot of slots) if (slot[0]) yield slot;
  }

  /** Pages by ranges of their indices. */
  *#slots(range: (sequence: Sequence, b: number) => [from: number, to: number]): Iterable<Slot> {
    for (const [b, sequence] of this.list.entries()) {
      const [from, to] = range(sequence, b);
      for (let i = from; i < to; i++) yield [sequence.pages[i], sequence.pages, i];
    }
  }
}
