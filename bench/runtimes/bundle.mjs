// The workloads inside another runtime: this package alone, in one process or page, in rounds with the machine's limits. The
// launchers of the runtime matrix start it and print what `run` gives; measure.mjs bundles it with its settings.
import { open } from "../engines/attention-wasm.mjs";
import { limitsOf } from "../engines/limits.mjs";
import { startSecondCore } from "../engines/second-core.mjs";
import { ENGINES } from "../harness/engines.mjs";
import { NotOffered, roundsWithin, sample, takesPart, warmUp } from "../harness/measure.mjs";
import { referenceOf, rowsToCheck } from "../harness/reference.mjs";
import { resultOf } from "../harness/result.mjs";
import { inputsOf, workloadOf } from "../harness/workloads.mjs";

/** ms that the samples of an engine may take, per workload and mode. */
const BUDGET = 800;

/** @returns a report as the launchers expect it: `suites` says that it is one */
export async function run({ load, threads, progress }) {
  const { workloads, rounds } = globalThis.BENCH;
  const module = await loadLimits(load);
  const second = threads ? await startSecondCore(module) : undefined;
  const machine = limitsOf(module, second);
  const engines = ENGINES.filter(({ family, threads: wanted }) => family === "ours" && (wanted === 1 || threads));
  const measured = [];
  for (const id of workloads) {
    await progress?.(id);
    measured.push(await measure(workloadOf(id), engines, machine, rounds));
  }
  second?.end();
  return { suites: {}, workloads: measured };
}

/** The fused chains, or without relaxed SIMD those of two roundings. */
async function loadLimits(load) {
  try {
    return await load("limits-relaxed");
  } catch {
    return load("limits-simd");
  }
}

async function measure(workload, engines, machine, rounds) {
  const inputs = inputsOf(workload);
  const rows = rowsToCheck(workload);
  const reference = referenceOf(workload, inputs, rows);
  const entries = [];
  for (const engine of engines) entries.push(await prepare(engine, workload, inputs, reference, rows));
  const plan = entries.flatMap((entry) =>
    Object.entries(entry.ready ?? {}).map(([mode, { ms, repeats }]) => {
      return { entry, mode, own: roundsWithin(rounds, BUDGET, ms, repeats), repeats, times: [] };
    }),
  );
  const limits = [];
  for (let round = 0; round < rounds; round++) {
    limits.push(machine());
    for (const part of plan) {
      if (takesPart(round, part.own, rounds))
        part.times[round] = await sample(part.entry.jobs[part.mode], part.repeats);
    }
  }
  for (const { jobs } of entries) jobs?.close();
  return resultOf(workload, entries, { limits, plan });
}

async function prepare(engine, workload, inputs, reference, rows) {
  try {
    const jobs = await (await open(engine.options)).prepare(workload, inputs);
    const ready = {};
    for (const mode of workload.modes) {
      ready[mode] = { ...(await warmUp(jobs[mode], workload, reference, rows)), memory: jobs[mode].memory?.() };
    }
    return { engine, jobs, ready };
  } catch (error) {
    return { engine, problem: error.message, offered: !(error instanceof NotOffered) };
  }
}
