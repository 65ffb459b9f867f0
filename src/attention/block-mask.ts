// Masks by blocks of 64 x 64: wholly empty blocks are never computed, full ones not looked at, mixed ones keep 64 rows
// of 64 bits. The idea of FlexAttention (Dong et al. 2024).
import { BLOCK_EMPTY, BLOCK_FULL, MASK_BLOCK } from "../engine/abi.generated.js";
import type { CallScope } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { integer, knownOptions } from "../checks.js";

/** What a table of 1 GiB holds. */
const MOST_BLOCKS = 2 ** 28;

/** Whether query q of head h in batch item b may attend to key k. */
export type MaskPredicate = (b: number, h: number, q: number, k: number) => boolean;

export interface BlockMaskShape {
  /** Default 1: all batch items alike. */
  readonly batch?: number;
  /** Default 1: all heads alike. */
  readonly heads?: number;
  readonly queryLength: number;
  readonly keyLength: number;
}

/** A mask ready for `engine.attention`; it belongs to no engine. */
export class BlockMask {
  readonly batch: number;
  readonly heads: number;
  readonly queryLength: number;
  readonly keyLength: number;
  /** int32 [batch, heads, query blocks, key blocks]; kernels trust it, so nobody else gets to see it */
  readonly #table: Int32Array;
  /** [mixed blocks][64 rows] of 8 bytes */
  readonly #bits: Uint8Array;

  private constructor(shape: Required<BlockMaskShape>, table: Int32Array, bits: Uint8Array) {
    this.batch = shape.batch;
    this.heads = shape.heads;
    this.queryLength = shape.queryLength;
    this.keyLength = shape.keyLength;
    this.#table = table;
    this.#bits = bits;
    Object.freeze(this);
  }

  /** @internal */
  static of(shape: Required<BlockMaskShape>, table: Int32Array, bits: Uint8Array): BlockMask {
    return new BlockMask(shape, table, bits);
  }

  /** @internal Copies table and bits into memory. */
  place(scope: CallScope): { blockTable: number; blockBits: number } {
    return { blockTable: scope.copyIn(this.#table), blockBits: scope.copyIn(this.#bits) };
  }

  /** The share of blocks that are computed, 0 to 1. */
  get density(): number {
    return this.#table.reduce((n, entry) => n + (entry === BLOCK_EMPTY ? 0 : 1), 0) / Math.max(1, this.#table.length);
  }
}

/**
 * Builds a block mask by asking `attends` for every query and key; do it once and use it in many calls.
 * @throws TypeError when `attends` is not a function, RangeError for a shape that cannot be
 */
export function createBlockMask(attends: MaskPredicate, shape: BlockMaskShape): BlockMask {
  if (typeof attends !== "function") {
    throw wrongKind("ERR_ARGUMENT_TYPE", `attends must be a function of (b, h, q, k): got ${show(attends)}`);
  }
  knownOptions(shape, ["batch", "heads", "queryLength", "keyLength"]);
  const batch = integer("shape.batch", shape.batch ?? 1, 1);
  const heads = integer("shape.heads", shape.heads ?? 1, 1);
  const queryLength = integer("shape.queryLength", shape.queryLength, 0);
  const keyLength = integer("shape.keyLength", shape.keyLength, 0);
  const queryBlocks = Math.ceil(queryLength / MASK_BLOCK);
  const keyBlocks = Math.ceil(keyLength / MASK_BLOCK);

  const blocks = batch * heads * queryBlocks * keyBlocks;
  if (blocks > MOST_BLOCKS) {
    throw wrongValue("ERR_VALUE", `shape must have at most ${MOST_BLOCKS} blocks of 64 x 64: got ${blocks}`);
  }
  const table = new Int32Array(blocks);
  const mixed: Uint8Array[] = [];
  const block = new Uint8Array(MASK_BLOCK * 8);
  let entry = 0;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let q0 = 0; q0 < queryLength; q0 += MASK_BLOCK) {
        for (let k0 = 0; k0 < keyLength; k0 += MASK_BLOCK, entry++) {
          const q1 = Math.min(q0 + MASK_BLOCK, queryLength);
          const k1 = Math.min(k0 + MASK_BLOCK, keyLength);
          const attended = fillBlock(attends, b, h, q0, q1, k0, k1, block);
          if (attended === 0) table[entry] = BLOCK_EMPTY;
          else if (attended === (q1 - q0) * (k1 - k0)) table[entry] = BLOCK_FULL;
          else table[entry] = mixed.push(block.slice()) - 1;
        }
      }
    }
  }
  const bits = new Uint8Array(mixed.length * block.length);
  for (let i = 0; i < mixed.length; i++) bits.set(mixed[i]!, i * block.length);
  return BlockMask.of({ batch, heads, queryLength, keyLength }, table, bits);
}

/** Sets the bits of one block; returns how many are set. */
function fillBlock(
  attends: MaskPredicate,
  b: number,
  h: number,
  q0: number,
  q1: number,
  k0: number,
  k1: number,
  block: Uint8Array,
): number {
  let attended = 0;
  block.fill(0);
  for (let q = q0; q < q1; q++) {
    for (let k = k0; k < k1; k++) {
      if (attends(b, h, q, k)) {
        block[(q - q0) * 8 + ((k - k0) >> 3)]! |= 1 << ((k - k0) & 7);
        attended++;
      }
    }
  }
  return attended;
}
