// The workloads inside another runtime: this package alone, in one process or page, in rounds with the machine's limits. The
// launchers of the runtime matrix start it and print what `run` gives; measure.mjs bundles it with its settings and builds.
import { open } from "../engines/attention-wasm.mjs";
import { limitsOf } from "../engines/limits.mjs";
import { startSecondCore } from "../engines/second-core.mjs";
import { interleave } from "../harness/interleave.mjs";
import { NotOffered, sample, warmUp } from "../harness/measure.mjs";
import { referenceOf, rowsToCheck } from "../harness/reference.mjs";
import { resultOf } from "../harness/result.mjs";
import { inputsOf, workloadOf } from "../harness/workloads.mjs";

/** ms that the samples of an engine may take, per workload and mode. */
const BUDGET = 800;

/**
 * @param settings { workloads: ids, rounds, engines, bring: imports a file of a build by its path }
 * @returns a report as the launchers expect it: `suites` says that it is one
 */
export async function measureAll({ load, threads, progress }, settings) {
  const engines = settings.engines.filter((engine) => engine.threads === 1 || threads);
  const module = await loadLimits(load);
  const second = threads ? await startSecondCore(module) : undefined;
  const machine = limitsOf(module, second);
  const measured = [];
  for (const id of settings.workloads) {
    await progress?.(id);
    measured.push(await measure(workloadOf(id), { ...settings, engines }, machine));
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

async function measure(workload, { engines, rounds, bring }, machine) {
  const inputs = inputsOf(workload);
  const rows = rowsToCheck(workload);
  const reference = referenceOf(workload, inputs, rows);
  const entries = [];
  for (const engine of engines) entries.push(await prepare(engine, bring, workload, inputs, reference, rows));
  const samples = await interleave(entries, {
    rounds,
    limits: machine,
    sample: ({ jobs, ready }, mode) => sample(jobs[mode], ready[mode].repeats),
    budget: () => BUDGET,
  });
  for (const { jobs } of entries) jobs?.close();
  return resultOf(workload, entries, samples);
}

async function prepare(engine, bring, workload, inputs, reference, rows) {
  try {
    const jobs = await (await open(engine.options, bring)).prepare(workload, inputs);
    const ready = {};
    for (const mode of workload.modes) {
      ready[mode] = { ...(await warmUp(jobs[mode], workload, reference, rows)), memory: jobs[mode].memory?.() };
    }
    return { engine, jobs, ready };
  } catch (error) {
    return { engine, problem: error.message, offered: !(error instanceof NotOffered) };
  }
}
