// Linear memory and its allocator: the only module that grows memory. Nobody keeps a view across a call; ask here.
//
// First fit over an address-ordered list of free blocks, neighbours joined when freed. Ours because the libraries
// there are (docs/decisions/0002-allocator.md) cannot grow the buffer under them.
import { wrongValue } from "../errors.js";

const PAGE = 65536;
/** Kernels assume that nothing lives below (FACTS of the compiler at -O2 and above). */
const FIRST_ADDRESS = 1024;
/** A cache line. */
const ALIGNMENT = 64;
/** What 32-bit addresses reach, less a page: one past the last byte must not wrap to 0. */
export const MAXIMUM_MEMORY = 2 ** 32 - PAGE;

/** Bytes: in use now, in use at the peak, taken from the host, and the most that may be taken. */
export interface MemoryInfo {
  readonly used: number;
  readonly peak: number;
  readonly reserved: number;
  readonly maximum: number;
}

export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly maximum: number;
  #used = 0;
  #peak = 0;
  #sizes = new Map<number, number>();
  /** Free blocks by address; no two touch. */
  #free: { address: number; bytes: number }[];

  /** @param shared whether threads will share it */
  constructor(maximumMemory: number, shared = false) {
    const pages = Math.floor(maximumMemory / PAGE);
    this.maximum = pages * PAGE;
    try {
      this.memory = new WebAssembly.Memory({ initial: 1, maximum: pages, shared });
    } catch (cause) {
      const kind = shared ? "a shared memory" : "a memory";
      throw wrongValue(
        "ERR_OUT_OF_MEMORY",
        `the runtime refuses ${kind} of up to ${this.maximum} bytes: lower maximumMemory`,
        cause,
      );
    }
    this.#free = [{ address: FIRST_ADDRESS, bytes: PAGE - FIRST_ADDRESS }];
  }

  get info(): MemoryInfo {
    return {
      used: this.#used,
      peak: this.#peak,
      reserved: this.memory.buffer.byteLength,
      maximum: this.maximum,
    };
  }

  /** Address of `bytes` bytes, aligned to 64; their content is undefined. Throws ERR_OUT_OF_MEMORY. */
  allocate(bytes: number): number {
    if (!(bytes >= 0)) throw new Error(`attention-wasm: cannot allocate ${bytes} bytes`);
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    let index = this.#free.findIndex((block) => block.bytes >= size);
    if (index < 0) {
      this.#grow(size);
      index = this.#free.length - 1;
    }
    const block = this.#free[index]!;
    const { address } = block;
    if (block.bytes === size) this.#free.splice(index, 1);
    else this.#free[index] = { address: address + size, bytes: block.bytes - size };
    this.#sizes.set(address, size);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return address;
  }

  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) throw new Error(`attention-wasm: ${address} is not an allocation`);
    this.#sizes.delete(address);
    this.#used -= size;
    const free = this.#free;
    let low = 0;
    for (let high = free.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (free[middle]!.address < address) low = middle + 1;
      else high = middle;
    }
    const before = free[low - 1];
    const after = free[low];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + size === after.address;
    if (joinsBefore) {
      before.bytes += size + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) free.splice(low, 1);
    } else if (joinsAfter) {
      free[low] = { address, bytes: size + after.bytes };
    } else {
      free.splice(low, 0, { address, bytes: size });
    }
  }

  /** Makes the last free block at least `size` bytes long. */
  #grow(size: number): void {
    const end = this.memory.buffer.byteLength;
    const last = this.#free.at(-1);
    const tail = last !== undefined && last.address + last.bytes === end ? last : undefined;
    const missing = Math.ceil((size - (tail?.bytes ?? 0)) / PAGE);
    const room = (this.maximum - end) / PAGE;
    if (missing > room) throw this.#exhausted(size, "the limit set by maximumMemory");
    // A quarter more than now, so that many small calls do not each pay for growing
    const generous = Math.min(room, Math.max(missing, Math.ceil(end / PAGE / 4)));
    const pages = this.#tryGrow(generous) ? generous : this.#tryGrow(missing) ? missing : 0;
    if (pages === 0) throw this.#exhausted(size, "what the runtime gives; maximumMemory would allow more");
    if (tail) tail.bytes += pages * PAGE;
    else this.#free.push({ address: end, bytes: pages * PAGE });
  }

  #tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }

  #exhausted(size: number, limit: string): Error {
    return wrongValue(
      "ERR_OUT_OF_MEMORY",
      `out of memory: asked for ${size} bytes with ${this.#used} in use; ` +
        `${this.memory.buffer.byteLength} of at most ${this.maximum} bytes are reserved, ${limit}`,
    );
  }
}
