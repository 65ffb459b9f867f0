// An engine whose every buffer starts as NaN and lies between guard bytes that are checked when it is freed.
import { readFileSync } from "node:fs";
import { type Build, Engine } from "../src/index.js";
import { Core } from "../src/engine/core.js";
import { LinearMemory } from "../src/engine/memory.js";

const GUARD = 64;
const GUARD_BYTE = 0xa5;

export class GuardedMemory extends LinearMemory {
  override allocate(bytes: number): number {
    const address = super.allocate(bytes + 2 * GUARD) + GUARD;
    const all = new Uint8Array(this.memory.buffer, address - GUARD, bytes + 2 * GUARD);
    all.fill(GUARD_BYTE);
    // 0xffffffff is a NaN; as an integer it would send a kernel far away
    all.fill(0xff, GUARD, GUARD + bytes);
    return address;
  }

  override free(address: number, bytes: number): void {
    const all = new Uint8Array(this.memory.buffer, address - GUARD, bytes + 2 * GUARD);
    for (let i = 0; i < GUARD; i++) {
      if (all[i] !== GUARD_BYTE) throw new Error(`written ${GUARD - i} bytes before a buffer of ${bytes}`);
      if (all[GUARD + bytes + i] !== GUARD_BYTE) throw new Error(`written ${i} bytes past a buffer of ${bytes}`);
    }
    super.free(address - GUARD, bytes + 2 * GUARD);
  }
}

export function guardedEngine(build: Build): Engine {
  const module = new WebAssembly.Module(readFileSync(`build/${build}.wasm`));
  return Engine.on(new Core(module, new GuardedMemory(2 ** 30), {}));
}
