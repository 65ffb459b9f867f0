// Hashes of results: FNV-1a, 32 bits (Fowler, Noll and Vo), over the bytes of each tensor. Payloads of NaN differ between
// engines, so a NaN is an error here.
import type { HostTensor } from "../../src/index.js";
import { numbersOf } from "../conformance/tolerance.js";

const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

function mix(hash: number, bytes: Uint8Array): number {
  let h = hash;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i]!, PRIME);
  return h >>> 0;
}

const hex = (hash: number): string => hash.toString(16).padStart(8, "0");

export function fingerprint(tensors: readonly HostTensor[]): string {
  let hash = BASIS;
  for (const [i, tensor] of tensors.entries()) {
    const numbers = numbersOf(tensor);
    for (let at = 0; at < numbers.length; at++) {
      if (Number.isNaN(numbers[at])) throw new Error(`result ${i} of shape [${tensor.shape}] holds NaN at ${at}`);
    }
    const { buffer, byteOffset, byteLength } = tensor.data;
    hash = mix(mix(hash, Uint8Array.from(tensor.shape)), new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hex(hash);
}

/** One fingerprint of many, in the order of their names. */
export function joined(prints: Readonly<Record<string, string>>): string {
  const text = Object.entries(prints)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, print]) => `${name} ${print}\n`)
    .join("");
  const codes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return hex(mix(BASIS, codes)) + hex(mix(PRIME, codes));
}
