// Windows, global tokens and random keys together, all by blocks: what keeps a sparse graph of tokens well connected.
//
// Source: Zaheer et al. 2020, "Big Bird", section 2 and appendix D (blocks), the variant ITC, whose global tokens are tokens
// of the sequence. Every row of blocks computes window + global + random blocks, whatever the length.
import type { MaskPredicate } from "../attention/block-mask.js";
import { integer, knownOptions } from "../checks.js";
import { wrongValue } from "../errors.js";

export interface BigBirdOptions {
  /** Tokens of the sequence, queries and keys alike. */
  readonly length: number;
  /** Tokens of a block; default 64, the blocks in which a block mask computes. */
  readonly blockSize?: number;
  /** Blocks of the window around each query's own, an odd number; default 3. */
  readonly windowBlocks?: number;
  /** The first so many blocks see everything and are seen by everything; default 1. */
  readonly globalBlocks?: number;
  /** Random blocks that each other row of blocks sees besides; default 3. */
  readonly randomBlocks?: number;
  /** The same seed gives the same blocks, everywhere; default 0. Every head has its own. */
  readonly seed?: number;
}

export function bigBirdMask(options: BigBirdOptions): MaskPredicate {
  knownOptions(options, ["length", "blockSize", "windowBlocks", "globalBlocks", "randomBlocks", "seed"]);
  const value = (name: keyof BigBirdOptions, otherwise: number, least: number) =>
    integer(name, options[name] === undefined ? otherwise : options[name], least);
  const length = integer("length", options.length, 0);
  const blockSize = value("blockSize", 64, 1);
  const windowBlocks = value("windowBlocks", 3, 1);
  const globalBlocks = value("globalBlocks", 1, 0);
  const randomBlocks = value("randomBlocks", 3, 0);
  const seed = value("seed", 0, 0);
  if (windowBlocks % 2 === 0) throw wrongValue("ERR_VALUE", `windowBlocks must be odd: got ${windowBlocks}`);
  const blocks = Math.ceil(length / blockSize);
  const side = (windowBlocks - 1) / 2;
  /** Random blocks by head and row of blocks, drawn when they are first asked for. */
  const drawn = new Map<number, readonly number[]>();
  const random = (h: number, i: number) => {
    const key = h * blocks + i;
    const known = drawn.get(key);
    if (known) return known;
    const free = Array.from({ length: blocks }, (_, j) => j).filter((j) => j >= globalBlocks && Math.abs(i - j) > side);
    const chosen = draw(free, randomBlocks, generator(seed, h, i));
    drawn.set(key, chosen);
    return chosen;
  };
  return (_b, h, q, k) => {
    const i = Math.floor(q / blockSize);
    const j = Math.floor(k / blockSize);
    return i < globalBlocks || j < globalBlocks || Math.abs(i - j) <= side || random(h, i).includes(j);
  };
}

/** `count` of them, or all where there are fewer: the start of a Fisher-Yates shuffle. */
function draw(from: number[], count: number, random: () => number): readonly number[] {
  const most = Math.min(count, from.length);
  for (let i = 0; i < most; i++) {
    const j = i + Math.floor(random() * (from.length - i));
    [from[i], from[j]] = [from[j]!, from[i]!];
  }
  return from.slice(0, most);
}

/** Uniform in [0, 1): Mulberry32 (T. Ettinger), started from three numbers. */
function generator(seed: number, head: number, row: number): () => number {
  let state =
    Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(head + 1, 0xc2b2ae35) ^ Math.imul(row + 1, 0x27d4eb2f);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
