// Where the results of a run go: which files, whether they can be written, and what has to be computed for them.
import type { FileTensor } from "../formats/file-tensor.js";
import type { AttentionOptions } from "../index.js";
import { ELEMENT_BYTES } from "../host-tensor.js";
import { InputError } from "./failure.js";
import { checkExtension, MAX_FILE, Outputs } from "./files.js";
import { type InputFlags, type RunInputs, sizesOf } from "./run-inputs.js";
import { STATISTICS } from "./run-statistics.js";
import { encodeTensors } from "./tensor-files.js";
import { bytes } from "./terminal.js";

export interface ResultFlags {
  readonly output?: string;
  readonly lse?: string | true;
  readonly weights?: string | true;
  readonly statistics?: string | true;
  readonly weightRows?: readonly number[];
  readonly weightHeads?: readonly number[];
  readonly map?: string;
  readonly mapHead?: number;
  readonly report?: string;
  readonly tokens?: string;
  readonly force?: boolean;
}

/** Refuses outputs that could not be written, or results that would have no place. */
export function claimResults(path: string | undefined, flags: ResultFlags & InputFlags): Outputs {
  const outputs = new Outputs(flags.force === true);
  const ending = flags.output === undefined ? undefined : checkExtension(flags.output, [".npy", ".safetensors"]);
  if (flags.output !== undefined) outputs.claim(flags.output);
  for (const name of ["lse", "weights"] as const) {
    const file = flags[name];
    if (typeof file === "string") {
      if (path === undefined && flags.query === undefined) {
        throw new InputError(`give a file of tensors: --${name} took "${file}" (write the file before --${name})`);
      }
      checkExtension(file, [".npy"]);
      outputs.claim(file);
    } else if (file === true && ending !== ".safetensors") {
      throw new InputError(`--${name} needs a place: --${name} ${name}.npy, or -o with a .safetensors file`);
    }
  }
  if (typeof flags.statistics === "string") {
    if (path === undefined && flags.query === undefined) {
      throw new InputError(
        `give a file of tensors: --statistics took "${flags.statistics}" (write the file before --statistics)`,
      );
    }
    checkExtension(flags.statistics, [".safetensors"]);
    outputs.claim(flags.statistics);
  }
  if ((flags.weightRows || flags.weightHeads) && flags.weights === undefined) {
    throw new InputError("--weight-rows and --weight-heads need --weights");
  }
  if (flags.mapHead !== undefined && flags.map === undefined) throw new InputError("--map-head needs --map");
  if (flags.map !== undefined) {
    checkExtension(flags.map, [".svg"]);
    outputs.claim(flags.map);
  }
  if (flags.report !== undefined) {
    checkExtension(flags.report, [".html"]);
    outputs.claim(flags.report);
  }
  if (flags.tokens !== undefined && flags.map === undefined && flags.report === undefined) {
    throw new InputError("--tokens needs --map or --report");
  }
  return outputs;
}

/** Room for the header of a file. */
const HEADER = 4096;

/** Refuses results that no file could take, before they are computed. */
export function checkResultSizes(
  flags: ResultFlags & { layout?: "BHSD" | "BSHD" | undefined },
  inputs: RunInputs,
): void {
  const { batch, heads, queries, keys, width } = sizesOf(inputs, flags.layout);
  const chosen = (flags.weightHeads?.length ?? heads) * (flags.weightRows?.length ?? queries);
  const sizes = {
    output: batch * heads * queries * width * ELEMENT_BYTES[inputs.query.dtype],
    lse: flags.lse === undefined ? 0 : batch * heads * queries * 4,
    weights: flags.weights === undefined ? 0 : batch * chosen * keys * 4,
  };
  const check = (file: string | true | undefined, size: number) => {
    if (typeof file !== "string" || size + HEADER <= MAX_FILE) return;
    const hint = sizes.weights > MAX_FILE / 2 ? "; --weight-rows and --weight-heads choose some of the weights" : "";
    throw new InputError(
      `${file}: would take ${bytes(size)}, more than the ${bytes(MAX_FILE)} that are written${hint}`,
    );
  };
  check(
    flags.output,
    flags.output?.toLowerCase().endsWith(".npy") ? sizes.output : sizes.output + sizes.lse + sizes.weights,
  );
  check(flags.lse, sizes.lse);
  check(flags.weights, sizes.weights);
}

export function resultOptions(flags: ResultFlags): AttentionOptions {
  const { lse, weights, weightRows, weightHeads } = flags;
  const chosen = { ...(weightRows && { rows: weightRows }), ...(weightHeads && { heads: weightHeads }) };
  return {
    ...(lse !== undefined && { returnLse: true }),
    ...(weights !== undefined && { returnWeights: weightRows || weightHeads ? chosen : true }),
    ...(flags.statistics !== undefined && { statistics: STATISTICS }),
  };
}

/** Each result in the file of its own, and all of them in a .safetensors. */
export function putResults(
  outputs: Outputs,
  flags: ResultFlags,
  results: ReadonlyMap<string, FileTensor>,
  statistics: ReadonlyMap<string, FileTensor>,
): void {
  const all = flags.output?.toLowerCase().endsWith(".safetensors") ? new Map([...results, ...statistics]) : results;
  if (flags.output !== undefined) outputs.put(flags.output, encodeTensors(flags.output, all));
  if (typeof flags.statistics === "string") outputs.put(flags.statistics, encodeTensors(flags.statistics, statistics));
  for (const name of ["lse", "weights"] as const) {
    const file = flags[name];
    if (typeof file === "string") outputs.put(file, encodeTensors(file, new Map([["output", results.get(name)!]])));
  }
}
