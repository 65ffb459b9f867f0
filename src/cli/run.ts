// attention-wasm run: engine.attention on tensors from files, every option a flag (run-options.ts).
import type { Command } from "commander";
import type { FileTensor } from "../formats/file-tensor.js";
import { type AttentionOptions, type Build, type Engine, type HostTensor, load } from "../index.js";
import { choiceOption, fileArgument, integerList, integerOption, refuseEmptyNames } from "./option-values.js";
import { type InputFlags, readInputs, type RunInputs, sizesOf } from "./run-inputs.js";
import { checkMaps, drawMaps, type MapFlags } from "./run-map.js";
import { addAttentionFlags, type AttentionFlags, attentionOptions } from "./run-options.js";
import { checkResultSizes, claimResults, putResults, type ResultFlags, resultOptions } from "./run-results.js";
import { type RunStatistics, statisticsTable, statisticTensors } from "./run-statistics.js";
import { checkNumbers } from "./tensor-files.js";
import { bytes, seconds, table } from "./terminal.js";

interface Flags extends AttentionFlags, InputFlags, ResultFlags, MapFlags {
  readonly build?: "auto" | Build;
  readonly deterministic?: boolean;
  readonly maximumMemory?: number;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command("run")
    .summary("attention on tensors from .safetensors or .npy files")
    .description(
      "Computes attention on tensors [S, D], [H, S, D] or [B, H, S, D]; any axes before H count as the batch. " +
        "A .safetensors file holds query, key and value (or q, k, v), and options by their names (mask, bias, sinks, ...); a file with one tensor means self-attention. " +
        "LIST is numbers between commas; FILE is .npy, or .safetensors with one tensor.",
    )
    .argument("[tensors]", "a .safetensors or .npy file", fileArgument)
    .option("--query <file>", "the query; alone it means self-attention")
    .option("--key <file>", "the key")
    .option("--value <file>", "the value")
    .option("-o, --output <out>", "where to write: .npy (the output) or .safetensors (all results)")
    .option("--force", "overwrite existing files");
  addAttentionFlags(command)
    .option("--lse [file]", "also give the log-sum-exp of each row, in the .safetensors or in a .npy of its own")
    .option("--weights [file]", "also give the weights, likewise; all of them are queries by keys")
    .option("--weight-rows <list>", "only the weights of these queries", (text: string) =>
      integerList("--weight-rows", text),
    )
    .option("--weight-heads <list>", "only the weights of these heads", (text: string) =>
      integerList("--weight-heads", text),
    )
    .option(
      "--statistics [out.safetensors]",
      "tell entropy, distance and most looked at keys of each head, without the weights; also as tensors",
    )
    .option("--map <out.svg>", "draw the weights, and show them in the terminal")
    .option("--map-head <n>", "the head that is drawn; default 0", integerOption("--map-head", 0))
    .option("--report <out.html>", "one page with the weights of all heads, to look through in a browser")
    .option("--tokens <file>", "names of tokens for map and report: .json, an array of strings, or one per line")
    .option("--build <name>", "auto (default), simd or relaxed", choiceOption("--build", ["auto", "simd", "relaxed"]))
    .option("--deterministic", "the same bits in every runtime (the simd build)")
    .option(
      "--maximum-memory <bytes>",
      "most memory that the engine may take",
      integerOption("--maximum-memory", 65536),
    )
    .action(runAttention);
  refuseEmptyNames(command);
}

async function runAttention(path: string | undefined, flags: Flags): Promise<void> {
  const outputs = claimResults(path, flags);
  const inputs = readInputs(path, flags);
  checkResultSizes(flags, inputs);
  const options: AttentionOptions = { ...attentionOptions(flags, inputs), ...resultOptions(flags) };
  const tokens = checkMaps(inputs, options, flags);
  const { build, deterministic, maximumMemory } = flags;
  const engine = await load({
    ...(build && { build }),
    ...(deterministic && { deterministic }),
    ...(maximumMemory !== undefined && { maximumMemory }),
  });
  try {
    const { results, statistics, elapsed } = compute(engine, inputs, options);
    const names = ["query", "key", "value"] as const;
    const shown: [string, string][] = inputs.self
      ? [["query, key and value", describe(inputs.query)]]
      : names.map((name) => [name, describe(inputs[name])]);
    for (const [name, tensor] of results) shown.push([name, `${describe(tensor)}, ${range(tensor)}`]);
    shown.push(
      ["time", `${seconds(elapsed)} on the ${engine.info.build} build`],
      ["memory", `${bytes(engine.info.memory.peak)} at its peak`],
    );
    const maps = drawMaps(engine, inputs, options, flags, tokens);
    if (maps.svg !== undefined) outputs.put(flags.map!, new TextEncoder().encode(maps.svg));
    if (maps.html !== undefined) outputs.put(flags.report!, new TextEncoder().encode(maps.html));
    putResults(outputs, flags, results, statistics ? statisticTensors(statistics) : new Map());
    const written = outputs.commit();
    process.stdout.write(table(shown));
    if (statistics) {
      const { heads, queries } = sizesOf(inputs, options.layout);
      process.stdout.write(`\n${statisticsTable(statistics, heads, queries)}`);
    }
    if (maps.text) process.stdout.write(`\n${maps.text}`);
    process.stdout.write(
      written.length > 0
        ? `\nwrote ${written.join("\n      ")}\n`
        : "\nnothing written; next: -o out.npy keeps the output, --map out.svg draws the weights\n",
    );
  } finally {
    engine.close();
  }
}

function compute(engine: Engine, { query, key, value }: RunInputs, options: AttentionOptions) {
  const start = performance.now();
  const found = engine.attention(query, key, value, options) as {
    output: HostTensor;
    lse?: HostTensor;
    weights?: HostTensor;
    statistics?: RunStatistics;
  };
  const elapsed = (performance.now() - start) / 1000;
  const results = new Map<string, FileTensor>();
  for (const name of ["output", "lse", "weights"] as const) {
    const tensor = found[name];
    if (tensor) results.set(name, tensor as FileTensor);
  }
  checkNumbers("the result (from too large inputs)", results.get("output")!, ["Infinity", "-Infinity"]);
  return { results, statistics: found.statistics, elapsed };
}

function describe({ shape, dtype }: FileTensor): string {
  return `[${shape.join(", ")}] ${dtype}`;
}

function range({ data, dtype }: FileTensor): string {
  if (data.length === 0) return "empty";
  if (!(data instanceof Float32Array)) return `${data.length} values of ${dtype}`;
  const [low, high] = data.reduce<[number, number]>(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  return `${low.toPrecision(4)} to ${high.toPrecision(4)}`;
}
