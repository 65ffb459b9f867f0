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

/** Pages that so many tokens lie in. */
export const pagesOf = (length: number) => Math.ceil(length / PAGE_KEYS);

export class Sequences {
  readonly pool: Pool;
  /** Newest tokens that are kept. */
  readonly #kept: number;
  readonly #pinned: number;
  readonly list: readonly Sequence[];

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
    return Math.max(...this.lengths);
  }

  /** u32 [B, width]: addresses of pages, 0 where there is none. */
  table(width: number): Uint32Array {
    const table = new Uint32Array(this.list.length * width);
    this.list.forEach(({ pages }, b) => {
      for (let i = 0; i < pages.length; i++) table[b * width + i] = pages[i]?.address ?? 0;
    });
    return table;
  }

  /** Pages that growing to these lengths takes from the pool, less those it gives back. */
  missing(lengths: Int32Array): number {
    let missing = 0;
    // How many sequences write to a shared page, and how many give it up
    const shared = new Map<Page, [writers: number, leavers: number]>();
    const count = (page: Page, which: 0 | 1) => {
      const counts = shared.get(page) ?? [0, 0];
      counts[which]++;
      shared.set(page, counts);
    };
    this.list.forEach((sequence, b) => {
      for (const i of this.#written(sequence, lengths[b]!)) {
        const page = sequence.pages[i];
        if (!page) missing++;
        else if (page.refs > 1) count(page, 0);
      }
      for (const i of this.#givenUp(sequence, lengths[b]!)) count(sequence.pages[i]!, 1);
    });
    for (const [{ refs }, [writers, leavers]] of shared) {
      // The last that holds a page writes to it as it is
      if (writers > 0) missing += Math.min(writers, refs - leavers - 1);
      else if (leavers === refs) missing--;
    }
    return missing;
  }

  /** Has every page that tokens up to these lengths are written to, for itself; `missing` pages must be reserved. */
  grow(lengths: Int32Array): void {
    const { list, pool } = this;
    list.forEach((sequence, b) => {
      for (const i of this.#givenUp(sequence, lengths[b]!)) {
        pool.release(sequence.pages[i]!);
        sequence.pages[i] = undefined;
      }
    });
    list.forEach((sequence, b) => {
      for (const i of this.#written(sequence, lengths[b]!)) {
        const page = sequence.pages[i];
        if (page?.refs === 1) continue;
        sequence.pages[i] = pool.take(page);
        if (page) pool.release(page);
      }
      sequence.length = lengths[b]!;
      sequence.start = this.startAt(sequence, sequence.length);
    });
    pool.trim();
  }

  /** The first token kept once a sequence has grown to a length, pinned ones aside. */
  startAt({ start }: Sequence, length: number): number {
    return Math.max(start, length - this.#kept);
  }

  /** Shortens every sequence. */
  truncate(lengths: Int32Array): void {
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

  /** Indices of the pages that the tokens from the sequence's length up to another lie in. */
  *#written(sequence: Sequence, length: number): Iterable<number> {
    if (length === sequence.length) return;
    for (let i = Math.floor(sequence.length / PAGE_KEYS); i < pagesOf(length); i++) yield i;
  }

  /** Indices of the pages that hold nothing to keep once the sequence has grown to a length. */
  *#givenUp(sequence: Sequence, length: number): Iterable<number> {
    const start = this.startAt(sequence, length);
    const first = Math.max(Math.floor(sequence.start / PAGE_KEYS), pagesOf(this.#pinned));
    for (let i = first; i < Math.floor(start / PAGE_KEYS); i++) if (sequence.pages[i]) yield i;
  }
}
