// The flags of `attention-wasm run` that shape attention, and the options of engine.attention that they become.
import type { Command } from "commander";
import type { FileTensor } from "../formats/file-tensor.js";
import {
  alibiSlopes,
  type AttentionOptions,
  type BlockMask,
  type Causal,
  createBlockMask,
  type Window,
} from "../index.js";
import { InputError } from "./failure.js";
import { choiceOption, floatList, integerList, integerOption, numberList, numberOption } from "./option-values.js";
import { allowedIn, type OptionalTensor, type RunInputs, sizesOf } from "./run-inputs.js";
import { isTensorFile, readTensor } from "./tensor-files.js";

export interface AttentionFlags {
  readonly scale?: number;
  readonly similarity?: AttentionOptions["similarity"];
  readonly causal?: Causal;
  readonly window?: readonly [number, number];
  readonly windowOffset?: readonly number[];
  readonly mask?: string;
  readonly bias?: string;
  readonly blockMask?: string;
  readonly keyLengths?: string;
  readonly queryLengths?: string;
  readonly segments?: string;
  readonly keySegments?: string;
  readonly alibiSlopes?: string;
  readonly relativeBias?: string;
  readonly bucketedBias?: string;
  readonly oneDirectional?: boolean;
  readonly maxDistance?: number;
  readonly softcap?: number;
  readonly sinks?: string;
  readonly layout?: AttentionOptions["layout"];
}

/** LIST: numbers between commas. FILE: .npy, or .safetensors with one tensor. */
export function addAttentionFlags(command: Command): Command {
  return command
    .option(
      "--scale <x>",
      "factor of the similarity; default 1 / sqrt(D) for dot, 1 for the others",
      numberOption("--scale"),
    )
    .option(
      "--similarity <kind>",
      "dot, cosine, euclidean or squared-euclidean",
      choiceOption("--similarity", ["dot", "cosine", "euclidean", "squared-euclidean"]),
    )
    .option(
      "--causal [kind]",
      "hide later keys: true, upper-left, lower-right, or the key position of query 0 (LIST: per batch item)",
      causalOption,
    )
    .option("--window <left,right>", "keys seen to the left and right of the diagonal, -1 = open", windowOption)
    .option(
      "--window-offset <list>",
      "key position of query 0 for the window alone (LIST: per batch item)",
      (text: string) => integerList("--window-offset", text),
    )
    .option("--mask <file>", "booleans, true = attend; broadcast to [B, H, Sq, Sk]")
    .option("--bias <file>", "added to the scores; broadcast to [B, H, Sq, Sk]")
    .option(
      "--block-mask <file>",
      "booleans [Sq, Sk], [H, Sq, Sk] or [B, H, Sq, Sk]; blocks of 64 x 64 that are all false are never computed",
    )
    .option("--key-lengths <list|file>", "keys of each batch item that are no padding")
    .option("--query-lengths <list|file>", "queries of each batch item that are no padding")
    .option("--segments <list|file>", "ids: a query attends to the keys that have its id")
    .option("--key-segments <list|file>", "ids of the keys, where --segments holds only those of the queries")
    .option("--alibi-slopes <auto|list|file>", "adds -slope * distance, a slope per head; auto: those of the paper")
    .option("--relative-bias <file>", "[H, 2R + 1]: a bias by distance, as Shaw et al.")
    .option("--bucketed-bias <file>", "[buckets, H]: a bias by bucket of distances, as T5")
    .option("--one-directional", "for --bucketed-bias: no buckets for keys after the query")
    .option(
      "--max-distance <n>",
      "for --bucketed-bias: where the last bucket begins; default 128",
      integerOption("--max-distance", 1),
    )
    .option("--softcap <x>", "score becomes x * tanh(score / x)", numberOption("--softcap", { above: 0 }))
    .option("--sinks <list|file>", "one more logit per head, without a value")
    .option("--layout <axes>", "BHSD (default) or BSHD", choiceOption("--layout", ["BHSD", "BSHD"]));
}

/** The parser of a list, and what it asks for. */
type List = (flag: string, text: string, others: string) => FileTensor;

// int64, so that an id that is too large stays what it is and the engine refuses it
const ids: List = (flag, text, others) => {
  const data = BigInt64Array.from(integerList(flag, text, others), BigInt);
  return { data, shape: [data.length], dtype: "int64" };
};
const floats: List = (flag, text, others) => {
  const data = floatList(flag, text, others);
  return { data, shape: [data.length], dtype: "float32" };
};

export function attentionOptions(flags: AttentionFlags, inputs: RunInputs): AttentionOptions {
  const { optional } = inputs;
  /** The tensor of a flag, or the one beside the query in its file. */
  const tensor = (flag: string, text: string | undefined, list?: List): FileTensor | undefined => {
    const name = flag.replaceAll("-", "") as OptionalTensor;
    const beside = optional.get(name);
    if (text === undefined) return beside?.tensor;
    if (beside) throw new InputError(`${beside.where} and ${flag} are two of one thing: leave one of them out`);
    if (name === "alibislopes" && text === "auto") {
      const slopes = alibiSlopes(sizesOf(inputs, flags.layout).heads);
      return { data: slopes, shape: [slopes.length], dtype: "float32" };
    }
    if (!list || isTensorFile(text)) return readTensor(text, allowedIn(name));
    return list(flag, text, `, or a .npy or .safetensors file${name === "alibislopes" ? ", or auto" : ""}`);
  };
  const lengths = (flag: string, text: string | undefined) => {
    const found = tensor(flag, text, ids);
    if (found && found.dtype !== "int32" && found.dtype !== "int64") {
      throw new InputError(`${flag} must be int32 or int64: got ${found.dtype}`);
    }
    return found && Array.from(found.data as Int32Array, Number);
  };
  const segments = tensor("--segments", flags.segments, ids);
  const keySegments = tensor("--key-segments", flags.keySegments, ids);
  if (keySegments && !segments) throw new InputError("--key-segments needs --segments, the ids of the queries");
  const blockMask = tensor("--block-mask", flags.blockMask);
  return defined({
    scale: flags.scale,
    similarity: flags.similarity,
    causal: flags.causal,
    window: windowOf(flags),
    mask: tensor("--mask", flags.mask),
    bias: tensor("--bias", flags.bias),
    blockMask: blockMask && toBlockMask(blockMask),
    keyLengths: lengths("--key-lengths", flags.keyLengths),
    queryLengths: lengths("--query-lengths", flags.queryLengths),
    segments: segments && keySegments ? { query: segments, key: keySegments } : segments,
    alibiSlopes: tensor("--alibi-slopes", flags.alibiSlopes, floats),
    relativeBias: relativeBias(
      flags,
      tensor("--relative-bias", flags.relativeBias),
      tensor("--bucketed-bias", flags.bucketedBias),
    ),
    softcap: flags.softcap,
    sinks: tensor("--sinks", flags.sinks, floats),
    layout: flags.layout,
  });
}

function relativeBias(flags: AttentionFlags, table?: FileTensor, buckets?: FileTensor) {
  if (table && buckets)
    throw new InputError("--relative-bias and --bucketed-bias are two forms of one thing: give one");
  if (!buckets && (flags.oneDirectional || flags.maxDistance !== undefined)) {
    throw new InputError("--one-directional and --max-distance need --bucketed-bias");
  }
  if (!buckets) return table;
  return defined({
    table: buckets,
    bidirectional: flags.oneDirectional ? false : undefined,
    maxDistance: flags.maxDistance,
  });
}

function windowOf({ window, windowOffset }: AttentionFlags): Window | undefined {
  if (windowOffset && !window) throw new InputError("--window-offset needs --window");
  if (!window || !windowOffset) return window;
  return { left: window[0], right: window[1], offset: windowOffset.length === 1 ? windowOffset[0]! : windowOffset };
}

function toBlockMask({ data, shape, dtype }: FileTensor): BlockMask {
  if (dtype !== "bool" || shape.length < 2 || shape.length > 4) {
    throw new InputError(
      `--block-mask must be booleans of shape [Sq, Sk], [H, Sq, Sk] or [B, H, Sq, Sk]: got ${dtype} [${shape.join(", ")}]`,
    );
  }
  const [keyLength, queryLength, heads = 1, batch = 1] = [...shape].reverse() as [number, number, number?, number?];
  const attends = (b: number, h: number, q: number, k: number) =>
    data[((b * heads + h) * queryLength + q) * keyLength + k] !== 0;
  return createBlockMask(attends, { batch, heads, queryLength, keyLength });
}

function causalOption(text: string): Causal {
  if (text === "true") return true;
  if (text === "upper-left" || text === "lower-right") return text;
  const offsets = numberList(text);
  if (!offsets?.every(Number.isSafeInteger)) {
    const hint = /\.(npy|safetensors)$/i.test(text) ? " (write the file before --causal, or --causal true)" : "";
    throw new InputError(`--causal takes true, upper-left, lower-right or an integer: got "${text}"${hint}`);
  }
  return { offset: offsets.length === 1 ? offsets[0]! : offsets };
}

function windowOption(text: string): readonly [number, number] {
  const [left, right, ...rest] = integerList("--window", text);
  if (left === undefined || right === undefined || rest.length > 0 || left < -1 || right < -1) {
    throw new InputError(`--window takes two integers from -1, such as 128,0: got "${text}"`);
  }
  return [left, right];
}

/** The same without what is undefined, which the engine's options do not allow. */
function defined<T extends object>(record: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as never;
}
