// What must compile, and what must not; checked by `npm run check`, run by nobody.
import type {
  AttentionOptions,
  CacheAttentionOptions,
  Engine,
  HostTensor,
  KVCache,
  Statistic,
  Tensor,
} from "../src/index.js";

declare const engine: Engine;
declare const host: HostTensor;
declare const resident: Tensor;

export function compiles(): void {
  const a: HostTensor = engine.attention(host, host, host).output;
  const b: Tensor = engine.attention(resident, resident, resident, { causal: "lower-right" }).output;
  const c: HostTensor = engine.attention(host, host, host, { returnLse: true }).lse;
  const d: Tensor = engine.attention(resident, resident, resident, { returnWeights: { rows: [1] } }).weights;
  const e: Tensor = engine.attention(resident, resident, resident, { mask: host, bias: resident }).output;
  const f: HostTensor = engine.rotaryEmbedding(host);
  const g: Tensor = engine.mergeAttention([{ output: resident, lse: resident }]).output;
  const floats = { data: new Float32Array(4), shape: [2, 2] };
  const h: Float32Array = engine.attention(floats, floats, floats).output.data;
  const i: number | undefined = engine.attention(floats, floats, floats, { returnLse: true }).lse.data[0];
  const known: AttentionOptions = { returnLse: true };
  const told = engine.attention(floats, floats, floats, { statistics: ["mass", { topK: 4 }] }).statistics;
  const masses: Float32Array = told.mass.data;
  const keys: Int32Array = told.topK.keys.data;
  const entropy: Tensor = engine.attention(resident, resident, resident, { statistics: ["entropy"] }).statistics
    .entropy;
  const wide: readonly Statistic[] = ["mass"];
  const perhaps: HostTensor | undefined = engine.attention(host, host, host, { statistics: wide }).statistics.mass;
  const j: HostTensor | undefined = engine.attention(host, host, host, known).lse;
  const k: HostTensor = engine.attention(host, host, host, { causal: { offset: [1, 2] }, window: [1, -1] }).output;
  const l: HostTensor = engine.attention(host, host, host, { segments: { query: host, key: resident } }).output;
  const m: HostTensor = engine.attention(host, host, host, { relativeBias: { table: host, maxDistance: 64 } }).output;
  const n: KVCache = engine.kvCache({ kvHeads: 2, headDim: 64, capacity: 128, dtype: "f16" });
  n.append(host, resident, { lengths: [1, 2], layout: "BSHD" });
  const o: HostTensor = n.attention(host).output;
  const p: Tensor = n.attention(resident, { returnLse: true, positions: [3] }).lse;
  const q: Float32Array = n.attention(floats).output.data;
  const r: CacheAttentionOptions = { causal: false, window: [4, -1], mask: host };
  const s: Tensor | undefined = n.attention(resident, r as CacheAttentionOptions & { returnLse?: boolean }).lse;
  const t: KVCache = n.fork({ items: new Int32Array(2) });
  const u: Float32Array = n.toHost(0, 5).key.data;
  const v: KVCache = engine.kvCache({
    batch: 2,
    kvHeads: 2,
    headDim: 64,
    window: 9,
    pinned: 1,
    rotary: { base: 500000 },
  });
  void [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, s, t, u, v, masses, keys, entropy, perhaps];
}

export function doesNotCompile(): void {
  // @ts-expect-error a typo
  engine.attention(host, host, host, { casual: true });
  // @ts-expect-error a typo inside
  engine.attention(host, host, host, { returnWeights: { rows: [1], head: [2] } });
  // @ts-expect-error a typo inside
  engine.attention(host, host, host, { causal: { offset: 1, ofset: 2 } });
  // @ts-expect-error not asked for
  engine.attention(host, host, host).lse;
  // @ts-expect-error not asked for
  engine.attention(host, host, host, { returnLse: false }).lse;
  // @ts-expect-error not asked for
  engine.attention(host, host, host, { statistics: ["mass"] }).statistics.entropy;
  // @ts-expect-error no such statistic
  engine.attention(host, host, host, { statistics: ["mas"] });
  // @ts-expect-error sides that differ
  engine.attention(host, resident, host);
  // @ts-expect-error resident gives resident
  const wrong: HostTensor = engine.attention(resident, resident, resident).output;
  // @ts-expect-error no such similarity
  engine.attention(host, host, host, { similarity: "l2" });
  const cache = engine.kvCache({ kvHeads: 2, headDim: 64, capacity: 128 });
  // @ts-expect-error the cache knows its lengths
  cache.attention(host, { keyLengths: [3] });
  // @ts-expect-error a typo
  cache.attention(host, { windows: [3, 0] });
  // @ts-expect-error not asked for
  cache.attention(host).weights;
  // @ts-expect-error no such dtype
  engine.kvCache({ kvHeads: 2, headDim: 64, capacity: 128, dtype: "int2" });
  // @ts-expect-error heads are needed
  engine.kvCache({ headDim: 64, capacity: 128 });
  // @ts-expect-error plain arrays are not data
  engine.tensor({ data: [1, 2], shape: [2] });
  void wrong;
}
