// The exports of assembly/index.ts as the host calls them, and how a module becomes them. The only file that knows
// the loader.
import { instantiateSync } from "@assemblyscript/loader";
import type { Layout } from "./abi.generated.js";
import type { LinearMemory } from "./memory.js";

export interface Kernels {
  attentionTiles(parameters: number): number;
  attentionScratch(parameters: number, scratch: number): number;
  attentionForward(parameters: number, first: number, last: number, scratch: number): void;
  attentionPartials(parameters: number): number;
  attentionFinish(parameters: number, scratch: number): void;
  weightTiles(parameters: number): number;
  attentionWeights(parameters: number, first: number, last: number, scratch: number): void;
  mergeAttention(parameters: number, first: number, last: number): void;
  cacheAppend(parameters: number): number;
  cacheRead(parameters: number): void;
  rotaryEmbedding(parameters: number, first: number, last: number): void;
  sumRows(from: number, rows: number, stride: number, n: number, dtype: number, to: number, scratch: number): void;
  widenRow(from: number, to: number, n: number, dtype: number): void;
  narrowRow(from: number, to: number, n: number, dtype: number): void;
  relaxed(): number;
}

/** Kernels over the given memory, which is all they import. */
export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const imports = { env: { memory } };
  // The loader would try to compile a Module of another realm, as edge runtimes hand over
  const instance =
    module instanceof WebAssembly.Module
      ? instantiateSync(module, imports).instance
      : new WebAssembly.Instance(module, imports);
  const kernels = instance.exports as unknown as Kernels;
  if (typeof kernels.attentionForward !== "function") throw new Error("the module does not export attentionForward");
  return kernels;
}

/** The fields of a parameter block. */
export type Fields<L extends Layout> = Partial<Record<keyof L["integers"] | keyof L["floats"], number>>;

/** Writes a parameter block; fields left out are zero. */
export function writeBlock<L extends Layout>(
  { words, floats }: LinearMemory,
  address: number,
  layout: L,
  fields: Fields<L>,
): void {
  const first = address >>> 2;
  words.fill(0, first, first + layout.words);
  for (const name in fields) {
    const value = fields[name as keyof typeof fields] as number;
    const place = layout.integers[name];
    if (place !== undefined) words[first + place] = value;
    else floats[first + (layout.floats[name] as number)] = value;
  }
}
