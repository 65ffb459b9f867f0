// attention-wasm run: engine.attention on tensors from files, every option a flag (run-options.ts).
import type { Command } from "commander";
import type { FileTensor } from "../formats/file-tensor.js";
import { type AttentionOptions, type Build, type Engine, type HostTensor, load } from "../index.js";
import { InputError } from "./failure.js";
import { checkExtension, Outputs } from "./files.js";
import { heatMapSvg } from "./heat-map.js";
import { integerList, integerOption } from "./option-values.js";
import { type InputFlags, readInputs, type RunInputs } from "./run-inputs.js";
import { addAttentionFlags, type AttentionFlags, attentionOptions, choiceOption, headsOf } from "./run-options.js";
import { checkNumbers, encodeTensors } from "./tensor-files.js";
import { asciiShades, bytes, halfBlocks, hasColour, seconds, table } from "./terminal.js";
import { coarser, collectWeights, type WeightMap } from "./weight-map.js";
import { weightScale } from "./weight-picture.js";

interface Flags extends AttentionFlags, InputFlags {
  readonly output?: string;
  readonly lse?: string | true;
  readonly weights?: string | true;
  readonly weightRows?: readonly number[];
  readonly weightHeads?: readonly number[];
  readonly map?: string;
  readonly mapHead?: number;
  readonly build?: "auto" | Build;
  readonly deterministic?: boolean;
  readonly maximumMemory?: number;
  readonly force?: boolean;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command("run")
    .summary("attention on tensors from .safetensors or .npy files")
    .description(
      "Computes attention on tensors [S, D], [H, S, D] or [B, H, S, D]. A .safetensors file holds query, key and value (or q, k, v), " +
        "and options by their names (mask, bias, sinks, ...); a file with one tensor means self-attention. " +
        "LIST is numbers between commas; FILE is .npy, or .safetensors with one tensor.",
    )
    .argument("[tensors]", "a .safetensors or .npy file")
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
    .option("--map <out.svg>", "draw the weights, and show them in the terminal")
    .option("--map-head <n>", "the head that is drawn; default 0", integerOption("--map-head", 0))
    .option("--build <name>", "auto (default), simd or relaxed", choiceOption("--build", ["auto", "simd", "relaxed"]))
    .option("--deterministic", "the same bits in every runtime (the simd build)")
    .option(
      "--maximum-memory <bytes>",
      "most memory that the engine may take",
      integerOption("--maximum-memory", 65536),
    )
    .action(runAttention);
}

async function runAttention(path: string | undefined, flags: Flags): Promise<void> {
  const outputs = claimOutputs(flags);
  const inputs = readInputs(path, flags);
  const wanted = resultOptions(flags);
  const options: AttentionOptions = { ...attentionOptions(flags, inputs), ...wanted };
  const { build, deterministic, maximumMemory } = flags;
  const engine = await load({
    ...(build && { build }),
    ...(deterministic && { deterministic }),
    ...(maximumMemory !== undefined && { maximumMemory }),
  });
  try {
    const { results, elapsed } = compute(engine, inputs, options);
    const names = ["query", "key", "value"] as const;
    const shown: [string, string][] = inputs.self
      ? [["query, key and value", describe(inputs.query)]]
      : names.map((name) => [name, describe(inputs[name])]);
    for (const [name, tensor] of results) shown.push([name, `${describe(tensor)}, ${range(tensor)}`]);
    shown.push(
      ["time", `${seconds(elapsed)} on the ${engine.info.build} build`],
      ["memory", `${bytes(engine.info.memory.peak)} at its peak`],
    );
    const map = flags.map === undefined ? undefined : drawMap(engine, inputs, options, flags, outputs);
    putResults(outputs, flags, results);
    const written = outputs.commit();
    process.stdout.write(table(shown));
    if (map) process.stdout.write(`\n${terminalMap(map)}`);
    process.stdout.write(
      written.length > 0
        ? `\nwrote ${written.join("\n      ")}\n`
        : "\nnothing written; next: -o out.npy keeps the output, --map out.svg draws the weights\n",
    );
  } finally {
    engine.close();
  }
}

/** Refuses outputs that could not be written, or results that would have no place. */
function claimOutputs(flags: Flags): Outputs {
  const outputs = new Outputs(flags.force === true);
  const ending = flags.output === undefined ? undefined : checkExtension(flags.output, [".npy", ".safetensors"]);
  if (flags.output !== undefined) outputs.claim(flags.output);
  for (const name of ["lse", "weights"] as const) {
    const file = flags[name];
    if (typeof file === "string") {
      checkExtension(file, [".npy"]);
      outputs.claim(file);
    } else if (file === true && ending !== ".safetensors") {
      throw new InputError(`--${name} needs a place: --${name} ${name}.npy, or -o with a .safetensors file`);
    }
  }
  if ((flags.weightRows || flags.weightHeads) && flags.weights === undefined) {
    throw new InputError("--weight-rows and --weight-heads need --weights");
  }
  if (flags.mapHead !== undefined && flags.map === undefined) throw new InputError("--map-head needs --map");
  if (flags.map !== undefined) {
    checkExtension(flags.map, [".svg"]);
    outputs.claim(flags.map);
  }
  return outputs;
}

function resultOptions({ lse, weights, weightRows, weightHeads }: Flags): AttentionOptions {
  const chosen = { ...(weightRows && { rows: weightRows }), ...(weightHeads && { heads: weightHeads }) };
  return {
    ...(lse !== undefined && { returnLse: true }),
    ...(weights !== undefined && { returnWeights: weightRows || weightHeads ? chosen : true }),
  };
}

function compute(engine: Engine, { query, key, value }: RunInputs, options: AttentionOptions) {
  const start = performance.now();
  const found = engine.attention(query, key, value, options) as {
    output: HostTensor;
    lse?: HostTensor;
    weights?: HostTensor;
  };
  const elapsed = (performance.now() - start) / 1000;
  const results = new Map<string, FileTensor>();
  for (const name of ["output", "lse", "weights"] as const) {
    const tensor = found[name];
    if (tensor) results.set(name, tensor as FileTensor);
  }
  checkNumbers("the result (from infinite or too large inputs)", results.get("output")!);
  return { results, elapsed };
}

/** Each result in the file of its own, and all of them in a .safetensors. */
function putResults(outputs: Outputs, flags: Flags, results: ReadonlyMap<string, FileTensor>): void {
  if (flags.output !== undefined) outputs.put(flags.output, encodeTensors(flags.output, results));
  for (const name of ["lse", "weights"] as const) {
    const file = flags[name];
    if (typeof file === "string") outputs.put(file, encodeTensors(file, new Map([["output", results.get(name)!]])));
  }
}

function drawMap(
  engine: Engine,
  inputs: RunInputs,
  options: AttentionOptions,
  flags: Flags,
  outputs: Outputs,
): WeightMap {
  const heads = headsOf(inputs.query, flags);
  const head = flags.mapHead ?? 0;
  if (head >= heads) throw new InputError(`--map-head must be below the number of heads, ${heads}: got ${head}`);
  if (inputs.query.data.length === 0 || inputs.key.data.length === 0)
    throw new InputError("--map needs at least one query and one key");
  const map = collectWeights(engine, inputs, options, head);
  const batch = inputs.query.shape.slice(0, -3).reduce((product, size) => product * size, 1);
  outputs.put(flags.map!, new TextEncoder().encode(heatMapSvg(map, heads, batch)));
  return map;
}

/** Queries down, keys to the right; a brighter cell has more weight. */
function terminalMap(map: WeightMap): string {
  const columns = Math.min(64, (process.stdout.columns ?? 80) - 2);
  const colour = hasColour();
  const small = coarser(map, colour ? 64 : 32, columns);
  const scale = weightScale(small.cells);
  const weight = (x: number, y: number) => small.cells[y * small.columns + x]!;
  const title = `weights of head ${map.head}: queries down, keys to the right\n`;
  if (colour)
    return (
      title +
      halfBlocks(small.columns, small.rows, (x, y) => (weight(x, y) === 0 ? [0, 0, 0] : scale.colour(weight(x, y))))
    );
  return (
    title +
    asciiShades(small.columns, small.rows, (x, y) => (weight(x, y) === 0 ? 0 : 0.1 + 0.9 * scale.level(weight(x, y))))
  );
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
