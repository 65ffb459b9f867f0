// attention-wasm info: what this runtime can do.
import { availableParallelism, totalmem } from "node:os";
import type { Command } from "commander";
import { type Build, load } from "../index.js";
import { bytes, PROGRAM, PROGRAM_ALONE, table } from "./terminal.js";

export function addInfoCommand(program: Command, version: string): void {
  program
    .command("info")
    .summary("runtime, builds it can run, memory limits")
    .description(
      "Tells the runtime, which builds of the kernels it can run and why not the others, and the memory limits.",
    )
    .action(() => printInfo(version));
}

async function printInfo(version: string): Promise<void> {
  const rows: [string, string][] = [
    ["attention-wasm", version],
    ["runtime", `${runtime()}, ${process.platform} ${process.arch}, ${availableParallelism()} processors`],
    ["build simd", await tryBuild("simd")],
    ["build relaxed", await tryBuild("relaxed")],
  ];
  try {
    const engine = await load({ threads: "auto" });
    const { build, threads, reasons, memory } = engine.info;
    engine.close();
    rows.push([
      "chosen",
      `${build}, ${threads} thread${threads === 1 ? "" : "s"}${reasons.threads ? ` (${reasons.threads})` : ""}`,
    ]);
    rows.push([
      "memory",
      `up to ${bytes(memory.maximum)} (run --maximum-memory lowers it), ${bytes(memory.reserved)} at the start`,
    ]);
  } catch (error) {
    rows.push(["chosen", `none: ${(error as Error).message}`]);
  }
  rows.push(["machine", `${bytes(totalmem())} of memory`]);
  process.stdout.write(
    `${table(rows)}\nnext: ${PROGRAM_ALONE} cleans a sample picture; ${PROGRAM} run --help takes tensors\n`,
  );
}

/** "yes", or why not. */
async function tryBuild(build: Build): Promise<string> {
  try {
    (await load({ build })).close();
    return build === "simd"
      ? "yes (run --deterministic: the same bits in every runtime)"
      : "yes (fused multiply-add, the fastest)";
  } catch (error) {
    return `no: ${(error as Error).message}`;
  }
}

function runtime(): string {
  const { bun, deno, node, v8 } = process.versions as Record<string, string | undefined>;
  if (deno) return `Deno ${deno}, V8 ${v8}`;
  if (bun) return `Bun ${bun}`;
  return `Node ${node}, V8 ${v8}`;
}
