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

/** Bytes that an allocation of so many takes. */
export function aligned(bytes: number): number {
  const over = bytes % ALIGNMENT;
  return over === 0 && bytes > 0 ? bytes : bytes - over + ALIGNMENT;
}

export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly maximum: number;
  /** Views of the memory as it is now, made when asked for. */
  #bytes: Uint8Array | undefined;
  #words: Uint32Array | undefined;
  #floats: Float32Array | undefined;
  #used = 0;
  #peak = 0;
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
        { cause },
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

  /** All of it, as bytes, words and floats, until it grows. */
  get bytes(): Uint8Array {
    this.#bytes ??= new Uint8Array(this.memory.buffer);
    return this.#bytes;
  }

  get words(): Uint32Array {
    this.#words ??= new Uint32Array(this.memory.buffer);
    return this.#words;
  }

  get floats(): Float32Array {
    this.#floats ??= new Float32Array(this.memory.buffer);
    return this.#floats;
  }

  /** Address of `bytes` bytes, aligned to 64; their content is undefined. Throws ERR_OUT_OF_MEMORY. */
  allocate(bytes: number): number {
    if (!(bytes >= 0)) throw new Error(`attention-wasm: cannot allocate ${bytes} bytes`);
    const size = aligned(bytes);
    const free = this.#free;
    let index = 0;
    while (index < free.length && free[index]!.bytes < size) index++;
    if (index === free.length) {
      this.#grow(size);
      index = free.length - 1;
    }
    const block = free[index]!;
    const { address } = block;
    block.address += size;
    block.bytes -= size;
    if (block.bytes === 0) free.splice(index, 1);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return address;
  }

  /** Gives back what `allocate` gave for so many bytes. */
  free(address: number, bytes: number): void {
    const size = aligned(bytes);
    const free = this.#free;
    let low = 0;
    for (let high = free.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (free[middle]!.address < address) low = middle + 1;
      else high = middle;
    }
    // Not free[-1], which V8 looks up as a name
    const before = low > 0 ? free[low - 1] : undefined;
    const after = free[low];
    if ((before && before.address + before.bytes > address) || (after && address + size > after.address)) {
      throw new Error(`attention-wasm: ${bytes} bytes at ${address} are no allocation`);
    }
    this.#used -= size;
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + size === after.address;
    if (joinsBefore) {
      before.bytes += size + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) free.splice(low, 1);
    } else if (joinsAfter) {
      after.address = address;
      after.bytes += size;
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
      this.#bytes = undefined;
      this.#words = undefined;
      this.#floats = undefined;
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
