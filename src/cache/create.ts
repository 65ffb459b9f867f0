// Checks the options of engine.kvCache and takes the memory.
import { planRotary, type RotaryOptions } from "../attention/rotary.js";
import { boolean, choice, integer, knownOptions } from "../checks.js";
import { PAGE_KEYS } from "../engine/abi.generated.js";
import type { Core } from "../engine/core.js";
import { wrongValue } from "../errors.js";
import { headSize } from "../operand.js";
import { contiguousStrides } from "../shape.js";
import { CACHE_DTYPES, type CacheDType, type Chunk, chunk } from "./layout.js";
import type { CacheRotaryOptions, KVCacheOptions } from "./options.js";
import { Pool } from "./pool.js";
import { Sequences } from "./sequences.js";

/** What a cache and its forks have in common. */
export interface CacheConfig {
  readonly core: Core;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly capacity: number;
  /** 0: all tokens are seen. */
  readonly window: number;
  readonly pinned: number;
  readonly dtype: CacheDType;
  readonly key: Chunk;
  readonly value: Chunk;
  readonly rotary: RotaryOptions | undefined;
}

/** Longest sequence: where angles of positions are exact and sums of two positions stay in range. */
export const MOST_TOKENS = 2 ** 28;
/** Sequences of one cache, each of which has a list of pages on the host. */
const MOST_SEQUENCES = 2 ** 20;

export function createCache(core: Core, options: KVCacheOptions): [CacheConfig, Sequences] {
  core.open();
  knownOptions(options, [
    "batch",
    "kvHeads",
    "headDim",
    "valueDim",
    "capacity",
    "dtype",
    "window",
    "pinned",
    "pages",
    "rotary",
  ] satisfies (keyof KVCacheOptions)[]);
  const whole = (name: keyof KVCacheOptions, least: number, otherwise?: number, most = MOST_TOKENS) =>
    integer(name, options[name] === undefined ? otherwise : options[name], least, most);
  const batch = whole("batch", 1, 1, MOST_SEQUENCES);
  const kvHeads = whole("kvHeads", 1);
  const headDim = whole("headDim", 1);
  const valueDim = whole("valueDim", 1, headDim);
  headSize("headDim", headDim);
  headSize("valueDim", valueDim);
  const names = Object.keys(CACHE_DTYPES) as (keyof typeof CACHE_DTYPES)[];
  const { dtype: given = "float32" } = options;
  const code = CACHE_DTYPES[choice("dtype", given, names)];
  const window = whole("window", options.window === undefined ? 0 : 1, 0);
  const pinned = whole("pinned", 0, 0);
  if (pinned > 0 && window === 0)
    throw wrongValue("ERR_VALUE", "pinned needs window: without one, all tokens are kept");
  const pages = whole("pages", options.pages === undefined ? 0 : 1, 0);
  const room = window > 0 ? window + 255 : pages > 0 ? Math.min(pages * PAGE_KEYS, MOST_TOKENS) : undefined;
  const capacity = whole("capacity", Math.max(window, 1), room);

  const key = chunk(headDim, code, 0);
  const value = chunk(valueDim, code, kvHeads * key.bytes);
  const rotary = checkRotary(core, options.rotary, [batch, kvHeads, 0, headDim]);
  // A run of tokens lies in one page more where it does not begin with one
  const each = Math.ceil(pinned / PAGE_KEYS) + Math.ceil((capacity + (window > 0 ? PAGE_KEYS - 1 : 0)) / PAGE_KEYS);
  const pool = new Pool(core, kvHeads * (key.bytes + value.bytes), pages || batch * each, pages === 0);
  const empty = Array.from({ length: batch }, () => ({ length: 0, start: 0, pages: [] }));
  const dtype = names[code] as CacheDType;
  const config = { core, kvHeads, headDim, valueDim, capacity, window, pinned, dtype, key, value, rotary };
  return [config, new Sequences(pool, capacity, pinned, empty)];
}

/** The options of the embedding, checked as far as they can be without positions. */
function checkRotary(core: Core, value: unknown, shape: readonly number[]): RotaryOptions | undefined {
  if (value === undefined) return undefined;
  const given = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!given && !boolean("rotary", value)) return undefined;
  const rotary: CacheRotaryOptions = given ? { ...value } : {};
  knownOptions(rotary, ["base", "interleaved", "rotaryDim", "cos", "sin"]);
  planRotary(core, { name: "key", shape, strides: contiguousStrides(shape), dtype: "float32" }, rotary);
  return rotary;
}
