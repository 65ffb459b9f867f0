// The kernels, each with a micro-benchmark: bench/ has a file of the same stem for every one of assembly/.
import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";

/** Exports and the ABI. */
const DECLARATIONS = ["index", "abi"];

const files = readdirSync("assembly", { recursive: true })
  .filter((file) => file.endsWith(".ts") && dirname(file) !== "." && !DECLARATIONS.includes(basename(file, ".ts")))
  .map((file) => file.slice(0, -".ts".length))
  .sort();
const stems = files.map((file) => basename(file));

/** Paths by name: the stem, or the path itself where two have the same stem. */
export const KERNEL_FILES = Object.fromEntries(
  files.map((file, i) => [stems.indexOf(stems[i]) === stems.lastIndexOf(stems[i]) ? stems[i] : file, file]),
);

export const KERNELS = Object.keys(KERNEL_FILES);
