// Keys and values of the tokens so far, resident and appended in place. One mechanism: token t of a sequence lies in its page
// floor(t / 64), slot t % 64, and positions are never renumbered; what a mode adds is which pages there are (sequences.ts).
import { runAttention } from "../attention/attention.js";
import { checkLengths } from "../attention/diagonal.js";
import { checkLayout, type Heads, type Layout, readHeads } from "../attention/heads.js";
import type { AnyTensor, AttentionResult, Exact } from "../attention/options.js";
import { ATTENTION_OPTIONS, type Keys, planQuery } from "../attention/plan.js";
import { planRotary } from "../attention/rotary.js";
import { integer, integers, knownOptions } from "../checks.js";
import type { Core } from "../engine/core.js";
import { wrongKind, wrongValue } from "../errors.js";
import type { HostData, HostTensor } from "../host-tensor.js";
import { exactShape, operand } from "../operand.js";
import type { Tensor } from "../tensor.js";
import { checkKept, checkReturn, checkRoom } from "./capacity.js";
import { type CacheConfig, createCache } from "./create.js";
import type { CacheDType } from "./layout.js";
import type { AppendOptions, CacheAttentionOptions, CacheBytes, ForkOptions, KVCacheOptions } from "./options.js";
import type { Sequences } from "./sequences.js";
import { appendRows, placeKeys, placeRows, readRows, type Rotation } from "./transfer.js";

const APPEND_OPTIONS = ["lengths", "leftPadding", "layout", "positions"] satisfies (keyof AppendOptions)[];
const QUERY_OPTIONS = [...ATTENTION_OPTIONS.filter((name) => name !== "keyLengths"), "positions"];

/** Options that count keys from the first token on. */
const BY_POSITION = [
  "mask",
  "bias",
  "segments",
  "blockMask",
  "alibiSlopes",
  "relativeBias",
  "returnWeights",
  "statistics",
] as const satisfies (keyof CacheAttentionOptions)[];

type Floats = HostTensor<Float32Array<ArrayBuffer>>;

/**
 * Keys and values of `batch` sequences, in the engine's memory. Dispose of it when done; forks share what they have in common
 * and go on after it.
 */
export class KVCache {
  readonly batch: number;
  readonly #config: CacheConfig;
  readonly #sequences: Sequences;
  #disposed = false;

  private constructor(config: CacheConfig, sequences: Sequences) {
    this.#config = config;
    this.#sequences = sequences;
    this.batch = sequences.list.length;
  }

  /** @internal Use `engine.kvCache`. */
  static create(core: Core, options: KVCacheOptions): KVCache {
    return new KVCache(...createCache(core, options));
  }

  get kvHeads(): number {
    return this.#config.kvHeads;
  }
  get headDim(): number {
    return this.#config.headDim;
  }
  get valueDim(): number {
    return this.#config.valueDim;
  }
  get dtype(): CacheDType {
    return this.#config.dtype;
  }
  /** Tokens each sequence may hold; of a ring, the newest ones it keeps. */
  get capacity(): number {
    return this.#config.capacity;
  }

  /** Tokens of each sequence so far, those a ring has given up too: the position of the next one. */
  get lengths(): number[] {
    this.#open();
    return [...this.#sequences.lengths];
  }

  get bytes(): CacheBytes {
    this.#open();
    const { pool } = this.#sequences;
    const { held, shared } = this.#sequences.count();
    const page = pool.pageBytes;
    return { page, used: held * page, shared: shared * page, reserved: pool.bytes };
  }

  get disposed(): boolean {
    return this.#disposed || this.#config.core.closed;
  }

  /**
   * Appends n tokens to every sequence, or as many as `lengths` says: all of them or, where something does not fit, none.
   * @param key [B, Hk, n, D], or [Hk, n, D] where B is 1; float32, float16 or bfloat16, host or resident
   * @param value [B, Hk, n, Dv]
   * @throws RangeError ERR_CAPACITY where the capacity or the pool is exhausted
   */
  append(key: AnyTensor, value: AnyTensor, options: AppendOptions = {}): void {
    const core = this.#open();
    knownOptions(options, APPEND_OPTIONS);
    const config = this.#config;
    const layout = checkLayout(options.layout);
    const k = this.#heads("key", key, layout, config.kvHeads, config.headDim);
    const v = this.#heads("value", value, layout, config.kvHeads, config.valueDim);
    if (v.length !== k.length) {
      throw wrongValue("ERR_SHAPE", `value must have as many tokens as key: expected ${k.length}, got ${v.length}`);
    }
    const ends = checkLengths("lengths", options.lengths, this.batch, k.length);
    const skips = checkLengths("leftPadding", options.leftPadding, this.batch, k.length, 0);
    const items = new Int32Array(3 * this.batch);
    const { changes } = this.#sequences;
    const lengths = this.#sequences.lengths.map((length, b) => {
      const count = ends[b]! - skips[b]!;
      if (count < 0) {
        throw wrongValue("ERR_VALUE", `leftPadding[${b}] must be at most lengths[${b}], ${ends[b]}: got ${skips[b]}`);
      }
      checkRoom(config, b, length, count);
      items.set([skips[b]!, count, length], b * 3);
      return length + count;
    });
    const rotation = this.#rotation(k, layout, options, ends, (b) => items[b * 3 + 2]! - skips[b]!);
    core.call((scope) => {
      this.#unchanged(changes);
      const sources = [[config.key, k, rotation] as const, [config.value, v, undefined] as const];
      appendRows(scope, config, this.#sequences, sources, layout, items, lengths);
    });
  }

  /**
   * Attention of the newest tokens to what is kept of their sequence, as `engine.attention` over the whole of it.
   * @param query [B, H, Sq, D] with H a multiple of Hk, or [H, Sq, D] where B is 1: the last Sq tokens of each sequence
   * @returns output [B, H, Sq, Dv], and what the options ask for
   */
  attention<const O extends CacheAttentionOptions = Record<never, never>>(
    query: Tensor,
    options?: O & Exact<O, CacheAttentionOptions>,
  ): AttentionResult<Tensor, O>;
  attention<D extends HostData, const O extends CacheAttentionOptions = Record<never, never>>(
    query: HostTensor<D>,
    options?: O & Exact<O, CacheAttentionOptions>,
  ): AttentionResult<HostTensor<D>, O, Floats>;
  attention(query: AnyTensor, given: unknown = {}): unknown {
    const core = this.#open();
    knownOptions(given, QUERY_OPTIONS);
    const config = this.#config;
    const { kvHeads, valueDim, window } = config;
    const options = given as CacheAttentionOptions;
    const layout = checkLayout(options.layout);
    const heads = this.#heads("query", query, layout, null, config.headDim);
    if (heads.heads % kvHeads !== 0) {
      throw wrongValue("ERR_SHAPE", `query must have a multiple of ${kvHeads} heads, the cache's: got ${heads.heads}`);
    }
    const { lengths, longest, changes } = this.#sequences;
    const close = BY_POSITION.every((name) => options[name] === undefined);
    let rotation: Rotation | undefined;
    const keys: Keys = {
      heads: kvHeads,
      length: longest,
      valueDim,
      cached: lengths,
      place: (scope, fields) => {
        this.#unchanged(changes);
        placeKeys(scope, fields, config, this.#sequences, plan.diagonal.items, close);
        if (!rotation) return;
        const rows = placeRows(scope, heads, layout, rotation);
        Object.assign(fields, {
          query: rows.address,
          queryBatch: rows.batch,
          queryHead: rows.head,
          queryRow: rows.row,
        });
      },
    };
    const seen = window > 0 && options.window === undefined ? { window: [window - 1, -1] as const } : {};
    const plan = planQuery(core, heads, layout, keys, { ...options, ...seen });
    const { left, items } = plan.diagonal;
    checkKept(config, this.#sequences, left, items);
    const ends = lengths.map((_, b) => items[b * 3 + 2]!);
    rotation = this.#rotation(heads, layout, options, ends, (b) => items[b * 3]!);
    return runAttention(core, plan);
  }

  /**
   * Forgets all but the first tokens: `length` of every sequence, or a length for each.
   * @throws RangeError where a sequence is shorter, or a ring no longer has what the next token would see
   */
  truncate(length: number | readonly number[] | Int32Array): void {
    this.#open();
    const most = this.#sequences.longest;
    const lengths =
      typeof length === "object"
        ? checkLengths("length", length, this.batch, most)
        : new Int32Array(this.batch).fill(integer("length", length, 0, most));
    checkReturn(this.#config, this.#sequences, lengths);
    this.#sequences.truncate(lengths);
  }

  /** Forgets all tokens. */
  reset(): void {
    this.truncate(0);
  }

  /** A cache that goes on from the tokens of this one. Pages are shared until one of the two writes to them. */
  fork(options: ForkOptions = {}): KVCache {
    this.#open();
    knownOptions(options, ["items"]);
    const { items = this.#sequences.list.map((_, b) => b) } = options;
    const checked = integers("items", items, 0, this.batch - 1);
    if (checked.length === 0) throw wrongValue("ERR_SHAPE", "items must name at least one sequence: got none");
    return new KVCache(this.#config, this.#sequences.fork(checked));
  }

  /**
   * Keys [B, Hk, end - start, D] and values [B, Hk, end - start, Dv] of a range of positions, default all, as attention
   * reads them: rounded to the cache's dtype, keys rotated. Zeros where a sequence has no such token, or has given it up.
   */
  toHost(start = 0, end = this.#sequences.longest): { key: Floats; value: Floats } {
    this.#open();
    integer("end", end, integer("start", start, 0));
    const read = (chunk: CacheConfig["key"]) => readRows(this.#config, this.#sequences, chunk, start, end);
    return { key: read(this.#config.key), value: read(this.#config.value) };
  }

  /** Gives up what this cache holds; its forks go on. */
  dispose(): void {
    if (!this.disposed) this.#sequences.dispose();
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Throws unless the cache can be used. */
  #open(): Core {
    const { core } = this.#config;
    core.open();
    if (this.#disposed) throw wrongKind("ERR_DISPOSED", "the cache was disposed of");
    return core;
  }

  /** Throws where code of the caller that ran while its arguments were read changed the cache. */
  #unchanged(changes: number): void {
    this.#open();
    if (changes !== this.#sequences.changes)
      throw wrongKind("ERR_ARGUMENT_TYPE", "the cache was changed while the arguments of a call were read");
  }

  #heads(name: string, argument: unknown, layout: Layout, heads: number | null, dim: number): Heads {
    const checked = operand(this.#config.core, name, argument);
    const shape = layout === "BHSD" ? [this.batch, heads, null, dim] : [this.batch, null, heads, dim];
    exactShape(checked, this.batch === 1 && checked.shape.length === 3 ? shape.slice(1) : shape);
    return readHeads(checked, layout);
  }

  /** How rows are rotated: by `positions`, or from those of the first rows on; rows after `ends` are padding. */
  #rotation(
    heads: Heads,
    layout: Layout,
    { positions }: Pick<AppendOptions, "positions">,
    ends: Int32Array,
    first: (b: number) => number,
  ): Rotation | undefined {
    const { core, rotary } = this.#config;
    if (!rotary) {
      if (positions === undefined) return undefined;
      throw wrongValue("ERR_VALUE", "positions needs a cache that was made with rotary");
    }
    // Rows of padding turn somewhere in range
    const at = (b: number, i: number) => Math.max(0, first(b) + Math.min(i, ends[b]! - 1));
    const own = () =>
      Int32Array.from({ length: this.batch * heads.length }, (_, row) =>
        at(Math.floor(row / heads.length), row % heads.length),
      );
    return planRotary(core, heads.operand, { ...rotary, layout, positions: positions ?? own() });
  }
}
