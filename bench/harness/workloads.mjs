// What is measured: shapes, which keys each query sees, and so how many operations and bytes are useful work.
// Runs in every runtime: no imports of files or processes.

/** Side of the blocks of a block mask, as in the package. */
const BLOCK = 64;
/** Share of the blocks of W10 that are kept, besides the diagonal. */
const KEPT = 0.1;

/**
 * f32, batch 1. `queries` and `keys` are lengths, `dim` is the head size of queries, keys and values.
 * - `causal`: query i sees keys up to i + keys - queries; `window`: and of those, only so many before its own.
 * - `blocks`: a mask of 64 x 64 blocks.
 * - `decode`: one query at the end of a cache; its limit is the read bandwidth.
 * - `cache`: engine.kvCache with this dtype, ours alone; `tolerance`: largest error that passes.
 * - `alone`: engines of ours only, and why; with `plainToo` plain JavaScript as well.
 * - `modes`: host arrays in and out, resident tensors; both if left out.
 */
const DEFINITIONS = [
  { id: "W1", heads: 12, queries: 512, dim: 64 },
  { id: "W2", heads: 12, queries: 128, dim: 64 },
  { id: "W3", heads: 8, queries: 2048, dim: 64, causal: true },
  { id: "W4", heads: 32, queries: 512, dim: 128, causal: true },
  { id: "W4-kv8", heads: 32, keyHeads: 8, queries: 512, dim: 128, causal: true },
  { id: "W5", heads: 32, queries: 1, keys: 4096, dim: 128, decode: true },
  { id: "W5-kv8", heads: 32, keyHeads: 8, queries: 1, keys: 4096, dim: 128, decode: true },
  ...["W5", "W5-kv8"].flatMap((of) =>
    [
      ["float32", 2e-5],
      ["float16", 1e-4],
      ["int8", 3e-3],
      ["int4", 4e-2],
    ].map(([cache, tolerance]) => ({
      id: `${of}-${cache.replace("float", "f")}`,
      heads: 32,
      ...(of === "W5-kv8" && { keyHeads: 8 }),
      queries: 1,
      keys: 4096,
      dim: 128,
      decode: true,
      cache,
      tolerance,
      alone: "a cache of this package",
    })),
  ),
  { id: "W6", heads: 4, queries: 16, dim: 32 },
  { id: "W7", heads: 1, queries: 8192, dim: 64 },
  { id: "W7-causal", heads: 1, queries: 8192, dim: 64, causal: true },
  {
    id: "W8",
    heads: 8,
    queries: 32768,
    dim: 64,
    causal: true,
    modes: ["resident"],
    alone: "the matrices of the others take 34 GB",
  },
  {
    id: "W9",
    heads: 8,
    queries: 16384,
    dim: 64,
    causal: true,
    window: 255,
    plainToo: true,
    alone: "no windows, or none that save work; as a mask they take 8.6 GB",
  },
  {
    id: "W10",
    heads: 8,
    queries: 8192,
    dim: 64,
    blocks: true,
    plainToo: true,
    alone: "no block masks; as matrices they take 2.1 GB",
  },
];

/** Workload -> its blocks, made once. */
const kept = new Map();

/** Bytes of one key or value of `dim` channels in a cache: int8 and int4 have a bfloat16 scale per 32 channels. */
const ROW_BYTES = {
  float32: (dim) => 4 * dim,
  float16: (dim) => 2 * dim,
  int8: (dim) => dim + dim / 16,
  int4: (dim) => dim / 2 + dim / 16,
};

/** All workloads, in order, each complete. */
export const WORKLOADS = DEFINITIONS.map((definition) => {
  const { heads, queries, dim, cache = "float32" } = definition;
  const whole = { keyHeads: heads, keys: queries, tolerance: 2e-5, modes: ["host", "resident"], ...definition };
  const { keyHeads, keys } = whole;
  const pairs = countPairs(whole);
  return Object.freeze({
    ...whole,
    title: titleOf(whole),
    queryShape: [1, heads, queries, dim],
    keyShape: [1, keyHeads, keys, dim],
    /** Two products of a multiplication and an addition each, for what the mask leaves. */
    flops: 4 * heads * pairs * dim,
    /** Keys and values, read once. */
    bytes: 2 * keyHeads * keys * ROW_BYTES[cache](dim),
  });
});

export function workloadOf(id) {
  const found = WORKLOADS.find((workload) => workload.id === id);
  if (!found) throw new RangeError(`no workload ${id}: there are ${WORKLOADS.map((each) => each.id).join(", ")}`);
  return found;
}

function titleOf({ heads, keyHeads, queries, keys, dim, causal, window, blocks, cache }) {
  const parts = [
    `H${heads}`,
    keyHeads !== heads && `Hk${keyHeads}`,
    queries === keys ? `S${queries}` : `${queries} query, ${keys} keys`,
    `D${dim}`,
    causal && !window && "causal",
    window && `window ${window + 1}`,
    blocks && "10 % of blocks",
    cache && `${cache} cache`,
  ];
  return parts.filter(Boolean).join(" ");
}

/** Intervals [begin, end) of the keys that query q sees, in order. */
export function visibleKeys(workload, q) {
  const { queries, keys, causal, window, blocks } = workload;
  if (blocks) {
    return keptBlocks(workload)[Math.floor(q / BLOCK)].map((block) => [
      block * BLOCK,
      Math.min(keys, (block + 1) * BLOCK),
    ]);
  }
  const last = causal ? q + keys - queries : keys - 1;
  return [[window === undefined ? 0 : Math.max(0, last - window), last + 1]];
}

/** Row of query blocks -> the key blocks it sees: a tenth of all at random, the same in every run, and the diagonal. */
export function keptBlocks({ id, queries, keys }) {
  if (!kept.has(id)) {
    const next = randomWords(9);
    const rows = Array.from({ length: Math.ceil(queries / BLOCK) }, (_, row) =>
      Array.from({ length: Math.ceil(keys / BLOCK) }, (_, column) => column).filter(
        (column) => next() < KEPT * 2 ** 32 || column === row,
      ),
    );
    kept.set(id, rows);
  }
  return kept.get(id);
}

function countPairs(workload) {
  let pairs = 0;
  for (let q = 0; q < workload.queries; q++) {
    for (const [begin, end] of visibleKeys(workload, q)) pairs += end - begin;
  }
  return pairs;
}

/** 32-bit words: mulberry32. */
export function randomWords(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Sums of four uniform numbers, deviation 1: near enough to normal ones, and quick. */
function spread(length, seed) {
  const next = randomWords(seed);
  const data = new Float32Array(length);
  const scale = Math.sqrt(3) / 65536;
  for (let i = 0; i < length; i++) {
    const a = next();
    const b = next();
    data[i] = ((a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16) - 131070) * scale;
  }
  return data;
}

/** The same numbers in every process: query, key and value as Float32Arrays in the order [head][row][channel]. */
export function inputsOf({ heads, keyHeads, queries, keys, dim }) {
  return {
    query: spread(heads * queries * dim, 1),
    key: spread(keyHeads * keys * dim, 2),
    value: spread(keyHeads * keys * dim, 3),
  };
}
