// Random calls of engine.attention beside the same call of the oracle.
import {
  type AttentionOptions,
  createBlockMask,
  type DType,
  type HostTensor,
  type MaskPredicate,
  type WeightSelection,
} from "../../src/index.js";
import type { Operand, ReferenceOptions } from "../../src/reference/index.js";
import { hostTensor, operandOf, size, swapHeads } from "./arrays.js";
import { everyStatistic } from "./check-statistics.js";
import { Random } from "./random.js";

/** Around the tiles of 8, 64 and 96, and primes. */
const LENGTHS = [1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 47, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 193];
const DIMS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 31, 32, 33, 64, 80, 128, 256];
/** Keeps one case within milliseconds. */
const MOST_SCORES = 40_000;
const MOST_PRODUCTS = 1_200_000;

export interface Geometry {
  readonly B: number;
  readonly H: number;
  readonly Hk: number;
  readonly Sq: number;
  readonly Sk: number;
  readonly D: number;
  readonly Dv: number;
}

export interface FuzzCase extends Geometry {
  readonly dtype: DType;
  readonly layout: "BHSD" | "BSHD";
  /** In that layout, as the engine takes them. */
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
  readonly options: AttentionOptions;
  /** [B, H, S, D], as the oracle takes them. */
  readonly operands: readonly [query: Operand, key: Operand, value: Operand];
  readonly reference: ReferenceOptions;
  readonly selection: WeightSelection | true | undefined;
  /** The window of the statistics, where they are asked for. */
  readonly window: readonly [number, number] | undefined;
  readonly description: string;
}

/** What engine and oracle are given for one option. */
interface Given {
  engine: AttentionOptions;
  oracle: ReferenceOptions;
}

export function fuzzCase(seed: number): FuzzCase {
  const random = new Random(seed);
  const geometry = randomGeometry(random);
  const { B, H, Hk, Sq, Sk, D, Dv } = geometry;
  const dtype = random.pick<DType>(["float32", "float32", "float32", "float32", "float16", "bfloat16"]);
  const layout = random.chance(0.3) ? "BSHD" : "BHSD";
  const rank = B === 1 && random.chance(0.3) ? (H === 1 && Hk === 1 && random.chance(0.5) ? 2 : 3) : 4;
  const keyBatch = B > 1 && random.chance(0.2) ? 1 : B;
  const query = hostTensor(random.normals(size([B, H, Sq, D])), [B, H, Sq, D], dtype);
  const key = hostTensor(random.normals(size([keyBatch, Hk, Sk, D])), [keyBatch, Hk, Sk, D], dtype);
  const value = hostTensor(random.normals(size([keyBatch, Hk, Sk, Dv])), [keyBatch, Hk, Sk, Dv], dtype);

  const given = randomOptions(random, geometry);
  const operands = [query, key, value].map(operandOf) as [Operand, Operand, Operand];
  const { keyLengths } = given.oracle;
  if (keyLengths) {
    // Padding is never read: NaN there must not show
    const longest = keyBatch === 1 ? [Math.max(...Array.from(keyLengths))] : Array.from(keyLengths);
    for (const tensor of [key, value]) poison(tensor, longest);
  }
  const selection = randomSelection(random, geometry);
  // Drawn apart, so that the cases stay what they were without it
  const chance = new Random(seed + 1_000_000);
  const window = chance.chance(0.5) ? ([chance.integer(-1, 9), chance.integer(-1, 9)] as const) : undefined;
  const shaped = (tensor: HostTensor): HostTensor => {
    const cut = { ...tensor, shape: tensor.shape.slice(4 - rank) };
    if (layout === "BHSD" || rank === 2) return cut;
    const swapped = swapHeads(tensor);
    return { ...swapped, shape: swapped.shape.slice(4 - rank) };
  };
  return {
    ...geometry,
    dtype,
    layout,
    query: shaped(query),
    key: shaped(key),
    value: shaped(value),
    options: {
      ...given.engine,
      ...(layout === "BSHD" && { layout }),
      returnLse: true,
      ...(selection !== undefined && { returnWeights: selection }),
      ...(window && { statistics: everyStatistic(chance.integer(1, 9), window) }),
    },
    operands,
    reference: given.oracle,
    selection,
    window,
    description: `seed ${seed}: ${JSON.stringify(geometry)} ${dtype} ${layout} rank ${rank} key batch ${keyBatch}, ${Object.keys(given.engine)}`,
  };
}

function randomGeometry(random: Random): Geometry {
  for (;;) {
    const Hk = random.integer(1, 3);
    const geometry = {
      B: random.integer(1, 3),
      H: Hk * random.pick([1, 1, 2, 3, 4, 5]),
      Hk,
      Sq: random.pick(LENGTHS),
      Sk: random.pick(LENGTHS),
      D: random.pick(DIMS),
      Dv: random.pick(DIMS),
    };
    const scores = geometry.B * geometry.H * geometry.Sq * geometry.Sk;
    if (scores <= MOST_SCORES && scores * (geometry.D + geometry.Dv) <= MOST_PRODUCTS) return geometry;
  }
}

/** NaN in the rows of every head that no batch item sees. */
function poison({ data, shape }: HostTensor, lengths: readonly number[]): void {
  const [B, H, S, D] = shape as [number, number, number, number];
  const nan = data instanceof Uint16Array ? 0x7fff : Number.NaN;
  for (let row = 0; row < B * H * S; row++) {
    if (row % S >= lengths[Math.floor(row / (H * S))]!) (data as Float32Array).fill(nan, row * D, (row + 1) * D);
  }
}

function randomSelection(random: Random, { H, Sq }: Geometry): WeightSelection | true | undefined {
  if (random.chance(0.4)) return undefined;
  if (random.chance(0.5)) return true;
  const some = (n: number) => random.permutation(n).slice(0, random.integer(1, n));
  return { ...(random.chance(0.7) && { rows: some(Sq) }), ...(random.chance(0.7) && { heads: some(H) }) };
}

function randomOptions(random: Random, geometry: Geometry): Given {
  const given: Given = { engine: {}, oracle: {} };
  const both = (options: AttentionOptions & ReferenceOptions) => {
    Object.assign(given.engine, options);
    Object.assign(given.oracle, options);
  };
  const { B, H, Sq, Sk } = geometry;
  // None, few or many together
  const likely = random.pick([0.08, 0.2, 0.45]);
  const maybe = (option: () => void) => random.chance(likely) && option();

  maybe(() => both({ scale: random.pick([1, 0.25, 0.1, -0.5, 0]) }));
  maybe(() => both({ similarity: random.pick(["dot", "cosine", "euclidean", "squared-euclidean"] as const) }));
  maybe(() => both({ softcap: random.pick([0.5, 2, 30]) }));
  maybe(() => both({ keyLengths: Int32Array.from({ length: B }, () => random.integer(0, Sk)) }));
  maybe(() => both({ queryLengths: Int32Array.from({ length: B }, () => random.integer(0, Sq)) }));
  maybe(() => both({ causal: randomCausal(random, geometry) }));
  maybe(() => both({ window: randomWindow(random, geometry, given.oracle.causal !== undefined) }));
  maybe(() => {
    const shape = broadcastShape(random, [B, H, Sq, Sk]);
    const mask = { data: Uint8Array.from({ length: size(shape) }, () => (random.chance(0.7) ? 1 : 0)), shape };
    given.engine = { ...given.engine, mask };
    given.oracle = { ...given.oracle, mask: operandOf(mask) };
  });
  maybe(() => {
    const shape = broadcastShape(random, [B, H, Sq, Sk]);
    const numbers = random.normals(size(shape)).map((x) => (random.chance(0.1) ? Number.NEGATIVE_INFINITY : x));
    const bias = hostTensor(numbers, shape, random.pick<DType>(["float32", "float32", "float16", "bfloat16"]));
    given.engine = { ...given.engine, bias };
    given.oracle = { ...given.oracle, bias: operandOf(bias) };
  });
  maybe(() => {
    const ids = (S: number) => {
      const shape = random.chance(0.5) ? [S] : [B, S];
      return { data: Int32Array.from({ length: size(shape) }, () => random.integer(0, 2)), shape };
    };
    const query = ids(Sq);
    const key = Sq === Sk && random.chance(0.5) ? query : ids(Sk);
    given.engine = { ...given.engine, segments: key === query ? query : { query, key } };
    given.oracle = { ...given.oracle, segments: { query, key } };
  });
  maybe(() => {
    const visible = randomPredicate(random);
    const [batch, heads] = [random.pick([1, B]), random.pick([1, H])];
    given.engine = {
      ...given.engine,
      blockMask: createBlockMask(visible, { batch, heads, queryLength: Sq, keyLength: Sk }),
    };
    const seen: MaskPredicate = (b, h, i, j) => visible(batch === 1 ? 0 : b, heads === 1 ? 0 : h, i, j);
    given.oracle = { ...given.oracle, visible: seen };
  });
  maybe(() => {
    const slopes = random.normals(H, 0.1);
    given.engine = { ...given.engine, alibiSlopes: { data: slopes, shape: [H] } };
    given.oracle = { ...given.oracle, alibiSlopes: slopes };
  });
  maybe(() => {
    const sinks = random.normals(H, 2).map((x) => (random.chance(0.1) ? Number.NEGATIVE_INFINITY : x));
    given.engine = { ...given.engine, sinks: { data: sinks, shape: [H] } };
    given.oracle = { ...given.oracle, sinks };
  });
  maybe(() => {
    const relative = random.chance(0.5) ? randomClamped(random, H) : randomBuckets(random, H);
    given.engine = { ...given.engine, relativeBias: relative };
    given.oracle = { ...given.oracle, relativeBias: relative as never };
  });
  return given;
}

function randomCausal(random: Random, { B, Sq, Sk }: Geometry) {
  const offset = () => random.integer(-Sq, Sk);
  const forms = [
    "upper-left" as const,
    "lower-right" as const,
    { offset: offset() },
    { offset: Int32Array.from({ length: B }, offset) },
  ];
  return Sq === Sk && random.chance(0.3) ? true : random.pick(forms);
}

function randomWindow(random: Random, { B, Sq, Sk }: Geometry, causal: boolean) {
  const side = () =>
    random.chance(0.3) ? -1 : random.integer(0, Math.ceil(Math.max(Sq, Sk) / random.pick([1, 4, 16])));
  const [left, right] = [side(), side()];
  if (causal || random.chance(0.5)) return [left, right] as const;
  const offset = () => random.integer(-Sq, Sk);
  return { left, right, offset: random.chance(0.5) ? offset() : Int32Array.from({ length: B }, offset) };
}

/** A shape that broadcasts to the target: axes of 1, and leading axes left out. */
function broadcastShape(random: Random, target: readonly number[]): number[] {
  return target.map((n) => (random.chance(0.35) ? 1 : n)).slice(random.pick([0, 0, 0, 1, 2, 3]));
}

function randomPredicate(random: Random): MaskPredicate {
  const near = random.integer(0, 70);
  const globals = random.integer(0, 3);
  const odd = random.integer(2, 7);
  return random.pick<MaskPredicate>([
    (_, __, i, j) => Math.abs(i - j) <= near,
    (_, __, i, j) => i < globals || j < globals || Math.abs(i - j) <= near,
    (b, h, i, j) => (b + h + i + j) % odd !== 0,
    (_, h, i, j) => Math.floor(i / 64) === Math.floor(j / 64) || h % 2 === 0,
    () => true,
  ]);
}

function randomClamped(random: Random, H: number): HostTensor {
  const width = 2 * random.integer(0, 20) + 1;
  const heads = random.pick([1, H]);
  return { data: random.normals(heads * width), shape: [heads, width] };
}

function randomBuckets(random: Random, H: number) {
  const buckets = random.pick([4, 8, 32]);
  return {
    table: { data: random.normals(buckets * H), shape: [buckets, H] },
    bidirectional: random.chance(0.5),
    maxDistance: random.pick([20, 64, 128]),
  };
}
