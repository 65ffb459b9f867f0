// One workload that covers every kernel: small calls of everything the engine can do, on seeded numbers. Its results are
// the same bits in every runtime on the simd build. An operation that is added to the engine belongs here too: a test
// counts the kernels that were never called.
import {
  alibiSlopes,
  type AttentionOptions,
  createBlockMask,
  type DType,
  type Engine,
  type HostTensor,
  type KVCacheOptions,
  type RotaryOptions,
} from "../../src/index.js";
import { hostTensor, size } from "../properties/arrays.js";
import { fuzzCase } from "../properties/fuzz-case.js";
import { Random } from "../properties/random.js";

const DTYPES = ["float32", "float16", "bfloat16"] as const;
const FUZZ_CASES = 60;

type Results = readonly HostTensor[];
type Section = (engine: Engine) => Results;
/** Makes the inputs of a section, once. */
type Prepare = () => Section;

/** Seeded numbers in tensors. */
class Source {
  readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  tensor(shape: readonly number[], dtype: DType = "float32", deviation = 1): HostTensor {
    return hostTensor(this.random.normals(size(shape), deviation), shape, dtype);
  }

  /** Query, key and value of 4 heads on 2. */
  grouped(dtype: DType = "float32", Sq = 65, Sk = 97, layout = "BHSD") {
    const shape = (S: number, H: number, D: number) => (layout === "BSHD" ? [2, S, H, D] : [2, H, S, D]);
    return [
      this.tensor(shape(Sq, 4, 33), dtype),
      this.tensor(shape(Sk, 2, 33), dtype),
      this.tensor(shape(Sk, 2, 20), dtype),
    ] as const;
  }
}

const ASKED = { returnLse: true, returnWeights: true } as const;

/** Attention with everything it gives. */
function all(
  engine: Engine,
  inputs: readonly [HostTensor, HostTensor, HostTensor],
  options: AttentionOptions,
): Results {
  const { output, lse, weights } = engine.attention(...inputs, { ...options, ...ASKED } as const);
  return [output, lse, weights];
}

const N = 97;

function optionsOf(source: Source): Record<string, AttentionOptions> {
  const { random } = source;
  const mask = { data: Uint8Array.from({ length: N * N }, () => Number(random.chance(0.6))), shape: [N, N] };
  const segments = { data: Int32Array.from({ length: N }, (_, i) => Math.floor(i / 20)), shape: [N] };
  const blocks = createBlockMask((_, h, q, k) => Math.floor(q / 64) === Math.floor(k / 64) || k < 3 * h, {
    heads: 4,
    queryLength: N,
    keyLength: N,
  });
  return {
    plain: {},
    causal: { causal: true },
    "causal by offsets": { causal: { offset: [-7, 20] } },
    window: { window: [5, 2] },
    "window around offsets": { window: { left: 30, right: -1, offset: [3, -9] } },
    mask: { mask },
    bias: { bias: source.tensor([4, N, N]) },
    "bias of 16 bits": { bias: source.tensor([1, N], "bfloat16") },
    lengths: { keyLengths: [41, N], queryLengths: [N, 10], causal: "lower-right" },
    segments: { segments },
    "block mask": { blockMask: blocks },
    alibi: { alibiSlopes: source.tensor([4], "float32", 0.1) },
    "relative bias": { relativeBias: source.tensor([4, 21]) },
    "relative buckets": { relativeBias: { table: source.tensor([32, 4]) } },
    softcap: { softcap: 3 },
    sinks: { sinks: source.tensor([4]) },
    "scale below zero": { scale: -0.3 },
    layout: { layout: "BSHD", causal: true },
    "many together": {
      causal: true,
      window: [40, 0],
      mask,
      softcap: 5,
      sinks: source.tensor([4]),
      alibiSlopes: source.tensor([4], "float32", 0.1),
      bias: source.tensor([N, N]),
      similarity: "euclidean",
    },
  };
}

function* attentionSections(): Generator<[string, Prepare]> {
  for (const similarity of ["dot", "cosine", "euclidean", "squared-euclidean"] as const) {
    for (const dtype of DTYPES) {
      const prepare = () => {
        const inputs = new Source(1).grouped(dtype);
        return (engine: Engine) => all(engine, inputs, { similarity });
      };
      yield [`${similarity} of ${dtype}`, prepare];
    }
  }
  const source = new Source(2);
  for (const [name, options] of Object.entries(optionsOf(source))) {
    const inputs = source.grouped("float32", N, N, options.layout);
    yield [`option ${name}`, () => (engine) => all(engine, inputs, options)];
  }
  const headSizes = () => {
    const source = new Source(3);
    const inputs = [1, 3, 8, 33, 64, 80, 128, 256].map((D) => source.tensor([1, 2, 70, D]));
    return (engine: Engine) => inputs.flatMap((x) => all(engine, [x, x, x], { causal: true }));
  };
  yield ["head sizes", headSizes];
  const lengths = () => {
    const source = new Source(4);
    const sizes = [1, 2, 7, 8, 9, 63, 64, 65, 95, 96, 97, 193];
    const pairs = sizes.map((Sk, i) => [source.tensor([sizes.at(-1 - i)!, 16]), source.tensor([Sk, 16])] as const);
    return (engine: Engine) => pairs.flatMap(([query, key]) => all(engine, [query, key, key], {}));
  };
  yield ["lengths", lengths];
  const long = () => {
    const x = new Source(5).tensor([1, 2, 600, 64], "float32", 3);
    return (engine: Engine) => [engine.attention(x, x, x, { causal: true }).output];
  };
  yield ["long and peaked", long];
  const chosen = () => {
    const inputs = new Source(6).grouped();
    const returnWeights = { rows: [64, 0, 7], heads: [3, 1] };
    return (engine: Engine) => [engine.attention(...inputs, { returnWeights }).weights];
  };
  yield ["chosen weights", chosen];
  const random = () => {
    const cases = Array.from({ length: FUZZ_CASES }, (_, seed) => fuzzCase(1000 + seed));
    return (engine: Engine) =>
      cases.flatMap(({ query, key, value, options }) => tensorsIn(engine.attention(query, key, value, options)));
  };
  yield ["random options", random];
  for (const dtype of DTYPES) {
    const few = () => {
      const source = new Source(7);
      const queries = [8, 4].map((H) => source.tensor([2, H, 1, 48], dtype));
      const [key, value] = [48, 32].map((D) => source.tensor([2, 4, 2100, D], dtype)) as [HostTensor, HostTensor];
      const calls: AttentionOptions[] = [
        {},
        { softcap: 4, window: [300, 0], causal: "lower-right" },
        { keyLengths: [0, 1025] },
      ];
      return (engine: Engine) =>
        queries.flatMap((query) =>
          calls.flatMap((options) => tensorsIn(engine.attention(query, key, value, { ...options, returnLse: true }))),
        );
    };
    yield [`few queries of ${dtype}`, few];
  }
}

/** Every tensor of a result, those of its statistics too. */
function tensorsIn(result: object): HostTensor[] {
  return Object.values(result).flatMap((value) => ("data" in value ? [value as HostTensor] : tensorsIn(value)));
}

/** Operations on floats of any kind. */
function* sectionsOf(dtype: DType): Generator<[string, Prepare]> {
  const merge = () => {
    const source = new Source(11);
    const inputs = [0, 30, 60].map((Sk) => source.grouped(dtype, 65, Sk));
    return (engine: Engine) => {
      const parts = inputs.map((part) => engine.attention(...part, { returnLse: true }));
      const { output, lse } = engine.mergeAttention(parts);
      return [output, lse];
    };
  };
  yield [`merge of ${dtype}`, merge];
  const rotary = () => {
    const source = new Source(12);
    const x = source.tensor([2, 3, 40, 22], dtype);
    const tables = (n: number) => ({ cos: source.tensor([60, n]), sin: source.tensor([60, n]) });
    const positions = Int32Array.from({ length: 80 }, () => source.random.integer(0, 59));
    const choices = [tables(11), { ...tables(8), rotaryDim: 16, interleaved: true, positions }];
    return (engine: Engine) => choices.map((options) => engine.rotaryEmbedding(x, options));
  };
  yield [`rotary with tables, ${dtype}`, rotary];
  const linear = () => {
    const source = new Source(13);
    const inputs = [source.tensor([2, 19, 33], dtype), source.tensor([65, 33], dtype), source.tensor([65], dtype)];
    return (engine: Engine) => [engine.linear(inputs[0]!, inputs[1]!, inputs[2])];
  };
  yield [`linear of ${dtype}`, linear];
  const pooling = () => {
    const x = new Source(14).tensor([3, 97, 20], dtype, 0.2);
    return (engine: Engine) => {
      const { context, weights, scores } = engine.attentionPooling(x);
      return [context, weights, scores];
    };
  };
  yield [`pooling of ${dtype}`, pooling];
}

/** Caches of every dtype and mode: what they give, and what they read back. */
function* cacheSections(): Generator<[string, Prepare]> {
  // Whole vectors of 16-bit floats, and several splits, in one of them
  const modes: Record<string, Partial<KVCacheOptions>> = {
    linear: { capacity: 2000, headDim: 48, valueDim: 32 },
    ring: { window: 30, pinned: 4, capacity: 129 },
    pages: { pages: 20, rotary: { base: 500 } },
  };
  for (const dtype of [...DTYPES, "int8", "int4"] as const) {
    for (const [name, mode] of Object.entries(modes)) {
      const prepare = () => {
        const source = new Source(17);
        const { headDim, valueDim } = { headDim: 34, valueDim: 20, ...mode };
        const steps = [70, 1, 1, 100, 3, ...(name === "linear" ? [900] : [])].map((n) => ({
          key: source.tensor([2, 2, n, headDim]),
          value: source.tensor([2, 2, n, valueDim]),
          query: source.tensor([2, 4, n > 100 ? 1 : n, headDim]),
          single: source.tensor([2, 2, 1, headDim]),
        }));
        return (engine: Engine) => {
          const cache = engine.kvCache({ batch: 2, kvHeads: 2, headDim, valueDim, dtype, ...mode });
          const results = steps.flatMap(({ key, value, query, single }) => {
            cache.append(key, value);
            const fork = cache.fork({ items: [1] });
            fork.append(...([key, value].map((x) => firstOfBatch(x)) as [HostTensor, HostTensor]));
            const { output, lse, weights } = cache.attention(query, ASKED);
            const forked = fork.attention(firstOfBatch(query)).output;
            fork.dispose();
            return [output, lse, weights, forked, cache.attention(single).output];
          });
          const { key, value } = cache.toHost();
          cache.dispose();
          return [...results, key, value];
        };
      };
      yield [`cache of ${dtype}, ${name}`, prepare];
    }
  }
}

/** The first batch item. */
function firstOfBatch({ data, shape }: HostTensor): HostTensor {
  const [B, ...rest] = shape as [number, ...number[]];
  return { data: (data as Float32Array).slice(0, data.length / B), shape: [1, ...rest] };
}

function* otherSections(): Generator<[string, Prepare]> {
  const scores = () => {
    const source = new Source(10);
    const [q, k] = source.grouped();
    const options = { softcap: 4, bias: source.tensor([65, 97]), causal: "upper-left" } as const;
    const stages = ["scaled", "capped", "masked"] as const;
    return (engine: Engine) => stages.map((stage) => engine.attentionScores(q, k, { ...options, stage }));
  };
  yield ["scores", scores];
  for (const dtype of DTYPES) yield* sectionsOf(dtype);
  const additive = () => {
    const source = new Source(15);
    const layer = {
      queryWeight: source.tensor([24, 17]),
      keyWeight: source.tensor([24, 9]),
      keyBias: source.tensor([24]),
      scoreWeight: source.tensor([24]),
    };
    const inputs = [source.tensor([2, 65, 17]), source.tensor([2, 97, 9]), source.tensor([2, 97, 5])] as const;
    return (engine: Engine) => {
      const { output, lse, weights } = engine.additiveAttention(...inputs, { ...layer, ...ASKED });
      return [output, lse!, weights!];
    };
  };
  yield ["additive", additive];
  // Cosines, sines and powers made by the host: positions far out, where the last bits of an angle show
  const computed: Record<string, RotaryOptions> = {
    "from 0": {},
    "from 1,000,000": { offset: 1_000_000, base: 500_000 },
    "from 200,000,000": { offset: 200_000_000, interleaved: true },
    "before 0": { offset: -70_000, base: 1234.5 },
  };
  for (const [name, options] of Object.entries(computed)) {
    const prepare = () => {
      const x = new Source(16).tensor([1, 1, 500, 128]);
      return (engine: Engine) => [engine.rotaryEmbedding(x, options)];
    };
    yield [`rotary with computed tables, ${name}`, prepare];
  }
  const slopes = () => () => [5, 12, 64].map((heads) => ({ data: alibiSlopes(heads), shape: [heads] }));
  yield ["alibi slopes", slopes];
}

let prepared: ReadonlyMap<string, Section> | undefined;

/** Every section by name. */
export function workload(): ReadonlyMap<string, Section> {
  const sections = () => [...attentionSections(), ...cacheSections(), ...otherSections()];
  prepared ??= new Map(sections().map(([name, prepare]) => [name, prepare()]));
  return prepared;
}
