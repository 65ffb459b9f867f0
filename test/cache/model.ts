// A cache as anyone would first write it: an array of tokens per sequence, and the float64 oracle over all of them.
import { attention, type Operand, type ReferenceOptions, type ReferenceResult } from "../../src/reference/index.js";

/** One token of one sequence: [Hk * D] and [Hk * Dv]. */
export interface Token {
  readonly key: Float64Array;
  readonly value: Float64Array;
}

export interface ModelShape {
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly capacity: number;
  /** 0: none */
  readonly window: number;
  readonly pinned: number;
}

interface Sequence {
  tokens: Token[];
  /** The first token that is kept, pinned ones aside. */
  start: number;
}

export class Model {
  readonly shape: ModelShape;
  readonly sequences: Sequence[];

  constructor(shape: ModelShape, batch: number) {
    this.shape = shape;
    this.sequences = Array.from({ length: batch }, () => ({ tokens: [], start: 0 }));
  }

  get lengths(): number[] {
    return this.sequences.map(({ tokens }) => tokens.length);
  }

  /** Whether a chunk of so many tokens fits, and each of them will see its window. */
  fits(counts: readonly number[]): boolean {
    const { capacity, window, pinned } = this.shape;
    return this.sequences.every(({ tokens, start }, b) => {
      const after = tokens.length + counts[b]!;
      if (window === 0) return after <= capacity;
      return Math.max(start, after - capacity) <= Math.max(pinned, tokens.length - window + 1);
    });
  }

  append(chunks: readonly Token[][]): void {
    for (const [b, sequence] of this.sequences.entries()) {
      sequence.tokens = [...sequence.tokens, ...chunks[b]!];
      sequence.start = Math.max(sequence.start, sequence.tokens.length - this.shape.capacity);
    }
  }

  /** Whether everything is kept that the next token would see. */
  goesBack(lengths: readonly number[]): boolean {
    const { window, pinned } = this.shape;
    return this.sequences.every(({ start }, b) => {
      const first = Math.max(pinned, lengths[b]! - window + 1);
      return window === 0 || first >= start || first >= lengths[b]!;
    });
  }

  truncate(lengths: readonly number[]): void {
    for (const [b, sequence] of this.sequences.entries()) {
      sequence.tokens = sequence.tokens.slice(0, lengths[b]);
      sequence.start = Math.min(sequence.start, lengths[b]!);
    }
  }

  fork(items: readonly number[] = this.sequences.map((_, b) => b)): Model {
    const copy = new Model(this.shape, 0);
    for (const item of items) copy.sequences.push({ ...this.sequences[item]! });
    return copy;
  }

  /**
   * Keys or values, [B, Hk, longest, dim], zero past a sequence's length; where `kept` is true, zero too where tokens were
   * given up.
   */
  operand(name: "key" | "value", kept = false): Operand & { data: Float64Array } {
    const { kvHeads, headDim, valueDim, pinned } = this.shape;
    const dim = name === "key" ? headDim : valueDim;
    const longest = Math.max(...this.lengths);
    const data = new Float64Array(this.sequences.length * kvHeads * longest * dim);
    this.sequences.forEach(({ tokens, start }, b) => {
      tokens.forEach((token, t) => {
        if (kept && t >= pinned && t < start) return;
        for (let h = 0; h < kvHeads; h++) {
          data.set(token[name].subarray(h * dim, (h + 1) * dim), ((b * kvHeads + h) * longest + t) * dim);
        }
      });
    });
    return { data, shape: [this.sequences.length, kvHeads, longest, dim] };
  }

  /** Whether queries from position `first` of each sequence on see nothing that was given up. */
  sees(first: readonly number[], left = this.shape.window - 1): boolean {
    const { window, pinned } = this.shape;
    return this.sequences.every(({ start }, b) => window === 0 || Math.max(pinned, first[b]! - left) >= start);
  }

  /** The whole run: query [B, H, Sq, D], the first of whose rows stand at `first` in each sequence. */
  attention(
    query: Operand,
    first: readonly number[],
    options: ReferenceOptions = {},
    left = this.shape.window - 1,
  ): ReferenceResult {
    const { pinned } = this.shape;
    return attention(query, this.operand("key"), this.operand("value"), {
      causal: { offset: first },
      ...options,
      keyLengths: this.lengths,
      visible: (b, _, i, j) => left < 0 || j < pinned || j >= first[b]! + i - left,
    });
  }
}
