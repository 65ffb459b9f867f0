// Random programs of appends, truncations, forks, resets and wrong calls on caches and on the plain model of them; after each
// step lengths and bytes agree, and attention is that of the whole run.
import * as assert from "uvu/assert";
import type {
  AttentionError,
  CacheAttentionOptions,
  Engine,
  HostTensor,
  KVCache,
  KVCacheOptions,
} from "../../src/index.js";
import { type Operand, rotaryEmbedding } from "../../src/reference/index.js";
import { numbersOf } from "../conformance/tolerance.js";
import { hostTensor, largestError, operandOf, size, swapHeads } from "../properties/arrays.js";
import { Random } from "../properties/random.js";
import { Model, type Token } from "./model.js";

const DIMS = [1, 2, 3, 8, 33, 64, 80] as const;
const STEPS = 40;
/** Keeps one attention of the oracle within milliseconds. */
const MOST_PRODUCTS = 300_000;
/** Of outputs and lse: scores of a few units, rounded to float32. */
const TOLERANCE = 1e-5;

interface Pair {
  readonly cache: KVCache;
  readonly model: Model;
}

export class Program {
  readonly random: Random;
  readonly #engine: Engine;
  readonly #pairs: Pair[] = [];
  readonly #options: Required<Pick<KVCacheOptions, "kvHeads" | "headDim" | "valueDim">> & KVCacheOptions;
  readonly #where: string;
  #done = "";

  constructor(engine: Engine, seed: number) {
    const random = new Random(seed);
    this.random = random;
    this.#engine = engine;
    const window = random.chance(0.4) ? random.pick([1, 2, 7, 64, 65, 100]) : undefined;
    const pinned = window && random.chance(0.6) ? random.pick([1, 4, 63, 64, 65]) : undefined;
    const slack = random.pick([1, 5, 40, 130]);
    const pages = random.chance(0.4) ? random.integer(4, 14) : undefined;
    const capacity = window ? window + slack - 1 : random.pick([3, 64, 100, 257]);
    const rotary = random.chance(0.3) && { base: random.pick([10000, 100]), interleaved: random.chance(0.5) };
    this.#options = {
      batch: random.integer(1, 3),
      kvHeads: random.integer(1, 3),
      headDim: rotary ? random.pick([2, 8, 64, 80]) : random.pick(DIMS),
      valueDim: random.pick(DIMS),
      rotary,
      ...((window || !pages || random.chance(0.5)) && { capacity }),
      ...(window && { window }),
      ...(pinned && { pinned }),
      ...(pages && { pages }),
    };
    this.#where = `seed ${seed}, ${JSON.stringify(this.#options)}`;
  }

  run(): void {
    const used = this.#engine.info.memory.used;
    const cache = this.#engine.kvCache(this.#options);
    const { kvHeads, headDim, valueDim, window = 0, pinned = 0, batch = 1 } = this.#options;
    const shape = { kvHeads, headDim, valueDim, window, pinned, capacity: cache.capacity };
    this.#pairs.push({ cache, model: new Model(shape, batch) });
    try {
      for (let step = 0; step < STEPS; step++) this.#step(used);
    } catch (error) {
      (error as Error).message += `\n${this.#where}\nafter${this.#done}`;
      throw error;
    }
    for (const { cache } of this.#pairs) cache.dispose();
    assert.is(this.#engine.info.memory.used, used, `memory in use: ${this.#where}`);
  }

  #step(before: number): void {
    const { random } = this;
    const pair = random.pick(this.#pairs);
    const roll = random.next();
    if (roll < 0.55) this.#append(pair);
    else if (roll < 0.7) this.#truncate(pair);
    else if (roll < 0.82 && this.#pairs.length < 5) this.#fork(pair);
    else if (roll < 0.86 && this.#pairs.length > 1) this.#dispose(pair);
    else if (roll < 0.88) this.#reset(pair);
    else this.#wrong(pair);
    for (const one of this.#pairs) {
      assert.equal(one.cache.lengths, one.model.lengths, "lengths");
      const { used, shared, reserved } = one.cache.bytes;
      assert.ok(shared <= used && used <= reserved, "bytes");
    }
    // All caches of a program share one pool
    assert.is(this.#engine.info.memory.used - before, this.#pairs[0]!.cache.bytes.reserved, "bytes reserved");
    const one = random.pick(this.#pairs);
    this.#attend(one);
    if (random.chance(0.2)) this.#readBack(one);
  }

  /** Runs what may be refused; if it is, nothing may have changed. Returns whether it was done. */
  #try({ cache }: Pair, what: string, allowed: boolean, action: () => void): boolean {
    this.#done += ` ${what}`;
    const before = { lengths: cache.lengths, bytes: cache.bytes };
    try {
      action();
    } catch (error) {
      const { code, message } = error as AttentionError;
      assert.is(code, "ERR_CAPACITY", `${what}: ${message}`);
      // Whether the pool has enough pages is for other tests to say
      assert.ok(!allowed || /pool/.test(message), `${what} was refused: ${message}`);
      assert.equal({ lengths: cache.lengths, bytes: cache.bytes }, before, `${what} changed something`);
      this.#done += "!";
      return false;
    }
    assert.ok(allowed, `${what} was not refused`);
    return true;
  }

  #append(pair: Pair): void {
    const { random } = this;
    const { cache, model } = pair;
    const n = random.pick([0, 1, 1, 1, 2, 5, 17, 40, 64, 65, 130]);
    const ragged = random.chance(0.3);
    const padded = random.chance(0.2);
    const lengths = model.lengths.map(() => (ragged ? random.integer(0, n) : n));
    const skips = lengths.map((most) => (padded ? random.integer(0, most) : 0));
    const chunks = lengths.map((end, b) => Array.from({ length: end - skips[b]! }, () => this.#token()));
    const rotated = chunks.map((tokens, b) => tokens.map((token, t) => this.#rotated(token, model.lengths[b]! + t)));
    const layout = random.pick(["BHSD", "BSHD"] as const);
    const arranged = (name: "key" | "value") => {
      const host = chunkTensor(chunks, name, cache.kvHeads, n, name === "key" ? cache.headDim : cache.valueDim, skips);
      return layout === "BSHD" ? swapHeads(host) : host;
    };
    const options = { layout, ...(ragged && { lengths }), ...(padded && { leftPadding: skips }) };
    const [key, value] = [arranged("key"), arranged("value")];
    const resident = random.chance(0.4);
    const inputs = resident ? ([this.#engine.tensor(key), this.#engine.tensor(value)] as const) : undefined;
    const done = this.#try(pair, `append(${lengths})`, model.fits(chunks.map(({ length }) => length)), () =>
      inputs ? cache.append(...inputs, options) : cache.append(key, value, options),
    );
    for (const tensor of inputs ?? []) tensor.dispose();
    if (done) model.append(rotated);
  }

  #truncate(pair: Pair): void {
    const { random } = this;
    const { cache, model } = pair;
    const shortest = Math.min(...model.lengths);
    const one = random.chance(0.5) ? random.integer(Math.max(0, shortest - 70), shortest) : undefined;
    const lengths = model.lengths.map((length) => one ?? random.integer(Math.max(0, length - 70), length));
    const done = this.#try(pair, `truncate(${lengths})`, model.goesBack(lengths), () => cache.truncate(one ?? lengths));
    if (done) model.truncate(lengths);
  }

  #fork({ cache, model }: Pair): void {
    const items = Array.from({ length: this.random.integer(1, 3) }, () => this.random.integer(0, cache.batch - 1));
    const all = this.random.chance(0.5);
    this.#done += ` fork(${all ? "" : items})`;
    this.#pairs.push(
      all ? { cache: cache.fork(), model: model.fork() } : { cache: cache.fork({ items }), model: model.fork(items) },
    );
  }

  #dispose(pair: Pair): void {
    this.#done += " dispose";
    pair.cache.dispose();
    this.#pairs.splice(this.#pairs.indexOf(pair), 1);
  }

  #reset({ cache, model }: Pair): void {
    this.#done += " reset";
    cache.reset();
    model.truncate(model.lengths.map(() => 0));
  }

  #wrong(pair: Pair): void {
    const { cache } = pair;
    const { kvHeads, headDim, valueDim } = cache;
    const x = (...shape: number[]): HostTensor => ({ data: new Float32Array(size(shape)), shape });
    const B = cache.batch;
    const before = { lengths: cache.lengths, bytes: cache.bytes };
    const calls = [
      () => cache.append(x(B, kvHeads + 1, 2, headDim), x(B, kvHeads + 1, 2, valueDim)),
      () => cache.append(x(B, kvHeads, 2, headDim + 1), x(B, kvHeads, 2, valueDim)),
      () => cache.append(x(B, kvHeads, 2, headDim), x(B, kvHeads, 3, valueDim)),
      () => cache.append(x(B + 1, kvHeads, 2, headDim), x(B + 1, kvHeads, 2, valueDim)),
      () => cache.append(x(B, kvHeads, 2, headDim), x(B, kvHeads, 2, valueDim), { lengths: [3] }),
      () => cache.attention(x(B, kvHeads, 1, headDim + 1)),
      () => cache.truncate(Math.max(...cache.lengths) + 1),
      () => cache.fork({ items: [B] }),
    ];
    for (const call of calls) assert.throws(call, (error: AttentionError) => /^ERR_(SHAPE|VALUE)$/.test(error.code));
    assert.equal({ lengths: cache.lengths, bytes: cache.bytes }, before, "a wrong call changed something");
  }

  #attend(pair: Pair): void {
    const { random } = this;
    const { cache, model } = pair;
    const { lengths } = model;
    const longest = Math.max(...lengths);
    const H = cache.kvHeads * random.integer(1, 3);
    const row = cache.batch * H * longest * (cache.headDim + cache.valueDim);
    const Sq = Math.min(random.pick([1, 1, 2, 5, 9, 33, 65]), Math.max(1, Math.floor(MOST_PRODUCTS / row)));
    const shape = [cache.batch, H, Sq, cache.headDim];
    const query = hostTensor(random.normals(size(shape)), shape);
    const queryLengths = random.chance(0.2) ? lengths.map(() => random.integer(0, Sq)) : lengths.map(() => Sq);
    const first = lengths.map((length, b) => length - queryLengths[b]!);
    const kept = model.sees(first);
    const mask = {
      data: Uint8Array.from({ length: Sq * longest }, () => Number(random.chance(0.8))),
      shape: [Sq, longest],
    };
    const options: CacheAttentionOptions = {
      queryLengths,
      ...(random.chance(0.2) && { mask }),
      ...(random.chance(0.2) && { softcap: 5 }),
      ...(random.chance(0.2) && { sinks: hostTensor(random.normals(H), [H]) }),
      ...(random.chance(0.2) && {
        alibiSlopes: hostTensor(
          Float32Array.from({ length: H }, () => 0.05),
          [H],
        ),
      }),
      ...(random.chance(0.2) && { window: [random.integer(0, Math.max(0, model.shape.window - 1)), -1] as const }),
    };
    const left = options.window ? (options.window as readonly number[])[0] : undefined;
    const sees = left === undefined ? kept : model.sees(first, left);
    // Without weights, few queries take a path of their own
    const returnWeights: boolean = random.chance(0.5);
    let got: { output: HostTensor; lse?: HostTensor; weights?: HostTensor } | undefined;
    const call = () => {
      got = cache.attention(query, { ...options, returnLse: true, returnWeights });
    };
    if (!this.#try(pair, `attention(${Sq})`, sees, call)) return;
    const position = (b: number, s: number) => Math.min(Math.max(0, first[b]! + s), Math.max(0, lengths[b]! - 1));
    const rotated = this.#turn(operandOf(query), position);
    const reference = {
      queryLengths,
      ...(options.mask && { mask }),
      ...(options.softcap && { softcap: options.softcap }),
      ...(options.sinks && { sinks: numbersOf(options.sinks as HostTensor) }),
      ...(options.alibiSlopes && { alibiSlopes: numbersOf(options.alibiSlopes as HostTensor) }),
    };
    const want = model.attention(rotated, first, reference, left);
    for (const name of ["output", "lse", "weights"] as const) {
      const result = got![name];
      if (!result && name === "weights" && !returnWeights) continue;
      assert.equal(result!.shape, want[name].shape, name);
      const error = largestError(numbersOf(result!), want[name].data);
      assert.ok(
        error < TOLERANCE,
        `${name} of attention(${shape}) ${JSON.stringify(Object.keys(options))} is off by ${error}`,
      );
    }
  }

  #readBack({ cache, model }: Pair): void {
    const got = cache.toHost();
    for (const name of ["key", "value"] as const) {
      const want = model.operand(name, true);
      assert.equal(got[name].shape, want.shape);
      const error = largestError(got[name].data, want.data);
      assert.ok(
        error <= (this.#options.rotary && name === "key" ? TOLERANCE : 0),
        `${name} read back is off by ${error}`,
      );
    }
  }

  #token(): Token {
    const { kvHeads, headDim, valueDim } = this.#options;
    return {
      key: Float64Array.from(this.random.normals(kvHeads * headDim)),
      value: Float64Array.from(this.random.normals(kvHeads * valueDim)),
    };
  }

  #rotated(token: Token, position: number): Token {
    const { kvHeads, headDim } = this.#options;
    const key = this.#turn({ data: token.key, shape: [1, kvHeads, 1, headDim] }, () => position).data as Float64Array;
    return { ...token, key };
  }

  #turn(x: Operand, position: (b: number, s: number) => number): Operand {
    const { rotary, headDim } = this.#options;
    if (typeof rotary !== "object") return x;
    return rotaryEmbedding(x, headDim, rotary.interleaved!, (b, s, i) => {
      const angle = position(b, s) * rotary.base! ** ((-2 * i) / headDim);
      return [Math.cos(angle), Math.sin(angle)];
    });
  }
}

/** Chunks of tokens as the tensor of an append, [B, Hk, n, dim]; slots that are not to be read are NaN. */
export function chunkTensor(
  chunks: readonly Token[][],
  name: "key" | "value",
  kvHeads: number,
  n: number,
  dim: number,
  skips: readonly number[] = chunks.map(() => 0),
): HostTensor & { data: Float32Array<ArrayBuffer> } {
  const data = new Float32Array(chunks.length * kvHeads * n * dim).fill(Number.NaN);
  chunks.forEach((tokens, b) => {
    tokens.forEach((token, t) => {
      for (let h = 0; h < kvHeads; h++) {
        data.set(token[name].subarray(h * dim, (h + 1) * dim), ((b * kvHeads + h) * n + skips[b]! + t) * dim);
      }
    });
  });
  return { data, shape: [chunks.length, kvHeads, n, dim] };
}
