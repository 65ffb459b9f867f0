// The tests that run in every runtime, as one file without imports: scripts/test-runtimes.mjs bundles this, and the host
// of each runtime calls `run` and prints what it gives as one line of JSON. uvu keeps its suites in a queue, which the
// banner of the bundle has made before this file is evaluated.
import { suite } from "uvu";
import type { Host, Prints, Report, Runtime, Sabotage } from "./host.js";
import { attention } from "./tests/attention.js";
import { bits } from "./tests/bits.js";
import { errors } from "./tests/errors.js";
import { kernels } from "./tests/kernels.js";
import { loading } from "./tests/loading.js";
import { math } from "./tests/math.js";
import { memory } from "./tests/memory.js";
import { threads } from "./tests/threads.js";

/** A suite in uvu's queue: the errors as text or true, how many passed, were skipped, and were there. */
type Runner = () => Promise<[errors: string | true, passed: number, skipped: number, given: number]>;

const world = globalThis as unknown as {
  UVU_QUEUE: [[null, ...Runner[]]];
  SABOTAGE?: Sabotage;
  process?: { exit?(code: number): never };
};

export async function run(runtime: Runtime): Promise<Report | undefined> {
  const sabotage = world.SABOTAGE;
  if (sabotage === "hang") for (;;);
  if (sabotage === "silent") return undefined;
  if (sabotage === "crash") {
    world.process?.exit?.(0);
    throw new Error("crashed on purpose");
  }
  const suites: { name: string; test: ReturnType<typeof suite> }[] = [];
  const prints: Prints = {};
  const host: Host = {
    builds: await buildsOf(runtime),
    compiles: runtime.compiles ?? true,
    threads: runtime.threads ?? false,
    prints,
    sabotage,
    suite(name) {
      const test = suite(name);
      suites.push({ name, test });
      return test;
    },
  };
  // A sabotaged run is to be quick: one group is enough to be seen failing
  const groups = sabotage ? [bits] : [loading, math, kernels, attention, memory, errors, bits, threads];
  for (const group of groups) group(host);
  for (const { test } of suites) test.run();
  const runners = world.UVU_QUEUE[0].splice(1) as Runner[];

  const counts: Report["suites"] = {};
  const failures: string[] = [];
  for (const [i, { name }] of suites.entries()) {
    runtime.progress?.(name);
    const [text, passed, , given] = await runners[i]!();
    counts[name] = { given, passed };
    if (text !== true) failures.push(text);
  }
  return {
    runtime: runtime.runtime,
    builds: host.builds.map(({ name }) => name),
    suites: counts,
    prints,
    errors: failures,
  };
}

/** The simd build, and the relaxed one where this runtime has relaxed SIMD. */
async function buildsOf({ load }: Runtime): Promise<Host["builds"]> {
  const all = async (name: "simd" | "relaxed") => ({
    name,
    module: await load(name),
    layers: await load(`layers-${name}`),
    math: await load(`math-${name}`),
  });
  const simd = await all("simd");
  try {
    return [simd, await all("relaxed")];
  } catch {
    return [simd];
  }
}
