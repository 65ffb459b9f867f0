// The weights of one head as a map of at most so many cells: a few rows of weights at a time, each cell the mean of those
// in it, so that queries by keys never lie in memory at once.
import type { AttentionOptions, Engine, HostTensor, ScoreOptions, Tensor } from "../index.js";
import { BlockMeans } from "../inspect/index.js";
import { widen } from "../onnx/sixteen-bits.js";
import { type RunInputs, sizesOf } from "./run-inputs.js";

export interface WeightMap {
  readonly head: number;
  readonly queries: number;
  readonly keys: number;
  /** Each cell is the mean of so many queries by so many keys (less at the far edges). */
  readonly block: readonly [queries: number, keys: number];
  readonly columns: number;
  readonly rows: number;
  /** [rows, columns] */
  readonly cells: Float32Array;
}

/** Most rows or columns of a map. */
const MAX_CELLS = 1024;
/** Weights computed at a time: 32 MB. */
const MAX_WEIGHTS = 2 ** 23;
/** Queries that the kernel takes together. */
const TILE = 64;

/** The map of the first batch item. `onProgress` gets the share that is done. */
export function collectWeights(
  engine: Engine,
  inputs: RunInputs,
  options: AttentionOptions,
  head: number,
  onProgress: (share: number) => void,
  maxCells = MAX_CELLS,
): WeightMap {
  const { batch, queries, keys } = sizesOf(inputs, options.layout);
  const most = Math.max(1, Math.floor(MAX_WEIGHTS / (batch * keys)));
  const chunk = most > TILE ? most - (most % TILE) : most;
  const blocks = new BlockMeans(queries, keys, Math.ceil(queries / maxCells), Math.ceil(keys / maxCells));
  const sink = options.sinks ? floatAt(options.sinks as HostTensor, head) : -Infinity;
  const seen = Math.min(queries, options.queryLengths?.[0] ?? queries); // the rest is padding
  const residents: Tensor[] = [];
  const resident = (tensor: HostTensor) => {
    residents.push(engine.tensor(tensor));
    return residents.at(-1)!;
  };
  try {
    const query = resident(inputs.query);
    const key = inputs.key === inputs.query ? query : resident(inputs.key);
    const shaping = shapingOptions(options, batch, keys);
    for (const name of ["mask", "bias"] as const) {
      if (shaping[name]) Object.assign(shaping, { [name]: resident(shaping[name] as HostTensor) });
    }
    for (let start = 0; start < seen; start += chunk) {
      const rows = Array.from({ length: Math.min(chunk, seen - start) }, (_, i) => start + i);
      const scores = engine.attentionScores(query, key, { ...shaping, select: { rows, heads: [head] } });
      const weights = scores.toHost().data as Float32Array;
      scores.dispose();
      for (let y = 0; y < rows.length; y++) softmax(weights.subarray(y * keys, (y + 1) * keys), sink);
      blocks.add(weights, start, rows.length);
      onProgress((start + rows.length) / seen);
    }
  } finally {
    for (const tensor of residents) tensor.dispose();
  }
  return { head, queries, keys, ...blocks.means() };
}

/** What shapes the scores; the lengths of the queries do so only where they set the diagonal. */
function shapingOptions(options: AttentionOptions, batch: number, keys: number): ScoreOptions {
  const { sinks, queryLengths, returnLse, returnWeights, statistics, ...shaping } = options;
  if (options.causal !== "lower-right" || !queryLengths) return shaping;
  const offset = Array.from({ length: batch }, (_, b) => (options.keyLengths?.[b] ?? keys) - queryLengths[b]!);
  return { ...shaping, causal: { offset } };
}

/** Scores become weights; `sink` is one more logit, -Infinity where there is none. A row without keys weighs nothing. */
function softmax(row: Float32Array, sink: number): void {
  let top = -Infinity;
  for (let i = 0; i < row.length; i++) if (row[i]! > top) top = row[i]!;
  if (top === -Infinity) {
    row.fill(0);
    return;
  }
  top = Math.max(top, sink);
  let sum = Math.exp(sink - top);
  for (let i = 0; i < row.length; i++) {
    const below = row[i]! - top;
    row[i] = below < -104 ? 0 : Math.exp(below); // float32 ends there
    sum += row[i]!;
  }
  for (let i = 0; i < row.length; i++) row[i]! /= sum;
}

function floatAt({ data, dtype }: HostTensor, i: number): number {
  if (dtype !== "float16" && dtype !== "bfloat16") return Number(data[i]);
  return widen((data as Uint16Array).subarray(i, i + 1), dtype)[0]!;
}
