// The measurement: workload by workload, every engine in its own process, checked and warmed up one after the other, then
// in rounds that rotate, A B C, B C A, C A B, with the machine's limits between them. Versions of this package differ by less
// than one process does from the next, so those compared have new processes in every round.
import { mkdirSync, writeFileSync } from "node:fs";
import { Child } from "./child.mjs";
import { place, settle } from "./cores.mjs";
import { declined } from "./engines.mjs";
import { interleave } from "./interleave.mjs";
import { referenceOf, rowsToCheck } from "./reference.mjs";
import { resultOf } from "./result.mjs";
import { median } from "./statistics.mjs";
import { inputsOf } from "./workloads.mjs";

/** ms that the samples of an engine may take in all, per workload and mode: the others wait for it. */
const BUDGET = { ours: 3000, javascript: 1500, native: 1500 };
/** ms in which an answer must come; a process is ended when it does not. */
const LIMIT = { start: 30_000, prepare: 120_000, sample: 120_000 };
/** Processes are started anew after a workload whose inputs are larger than this: memory of WebAssembly never shrinks. */
const HEAVY = 16e6;
/** An engine whose call took longer than this when it was warmed up, in ms, is not asked again: that call is its sample. */
const ONCE = { ours: 6000, javascript: 2500, native: 2500 };

/** Workloads whose core made fewer additions to a multiply-add than this share of the calmest one's are measured again. */
const STARVED = 0.93;
/** ms that measuring again may take, the last workload that begins in it aside. */
const AGAIN = 240_000;

/** @param settings { node, engines, workloads, rounds, anew: new processes in every round, limits: path of the module, say(text) } */
export async function runRounds(settings) {
  const machine = new Child(settings.node, "limits", { module: settings.limits });
  const versions = await machine.ready(LIMIT.start);
  const children = new Map();
  const measured = [];
  try {
    for (const workload of settings.workloads) measured.push(await measure(settings, machine, children, workload));
    const end = performance.now() + AGAIN;
    for (const i of starved(measured)) {
      if (performance.now() > end) break;
      const second = await measure(settings, machine, children, settings.workloads[i]);
      if (calm(second) > calm(measured[i])) measured[i] = { ...second, again: true };
    }
  } finally {
    for (const child of [machine, ...children.values()]) child.end();
  }
  return { versions, workloads: measured };
}

/** Additions to a multiply-add: of both a core makes more when its clock is faster, but a busy neighbour takes additions alone. */
const calm = ({ limits: { additions, multiplyAdd } }) =>
  additions ? median(additions.samples.map((each, round) => each / multiplyAdd.samples[round])) : Number.NaN;

/** Which of the results are to be measured again; none where there are no additions, since NaN is not less. */
export function starved(results) {
  const calmest = Math.max(...results.map(calm));
  return [...results.keys()].filter((i) => calm(results[i]) < STARVED * calmest);
}

async function measure(settings, machine, children, workload) {
  const { engines, rounds, anew, say } = settings;
  say(`${workload.id}: float64 reference`);
  const reference = writeReference(workload);
  const entries = [];
  const prepared = (engine) => prepare(settings, children, engine, workload, reference);
  for (const engine of engines) entries.push(await prepared(engine));
  let core;
  const samples = await interleave(entries, {
    rounds,
    async limits() {
      const { core: best, ...counted } = await settle(machine.pid, () =>
        machine.ask({ additions: true }, LIMIT.sample),
      );
      core = best;
      return { ...(await machine.ask({ limits: true }, LIMIT.sample)), ...counted };
    },
    async sample(entry, mode, round) {
      const { engine } = entry;
      if (anew && round !== (entry.round ?? 0)) {
        stop(children, engine);
        Object.assign(entry, await prepared(engine), { round });
        if (entry.problem) throw new Error(entry.problem);
      }
      say(`${workload.id}: round ${round + 1} of ${rounds}, ${engine.title}`);
      // Native engines compute on a thread of their own
      if (engine.threads === 1) place(entry.child.pid, core, engine.family === "native");
      return entry.child.ask({ sample: mode }, LIMIT.sample);
    },
    budget: ({ family }) => BUDGET[family],
    once: ({ family }) => ONCE[family],
  });
  for (const { child, engine, problem } of entries) {
    if (!child) continue;
    if (anew || heavy(workload) || problem) stop(children, engine);
    else await child.ask({ release: true }, LIMIT.start);
  }
  return resultOf(workload, entries, samples);
}

const heavy = ({ keyShape }) => keyShape.reduce((n, size) => n * size, 8) > HEAVY;

function writeReference(workload) {
  const path = `build/bench/reference-${workload.id}.f64`;
  mkdirSync("build/bench", { recursive: true });
  writeFileSync(path, referenceOf(workload, inputsOf(workload), rowsToCheck(workload)));
  return path;
}

function stop(children, { name }) {
  children.get(name)?.end();
  children.delete(name);
}

/** { engine, child?, ready?: mode -> what measure.mjs says, problem?, offered? } */
async function prepare({ node, say }, children, engine, workload, reference) {
  const reason = declined(engine, workload);
  if (reason) return { engine, problem: reason, offered: false };
  say(`${workload.id}: ${engine.title}, check`);
  try {
    if (!children.has(engine.name)) {
      const started = new Child(node, engine.program, engine.options);
      children.set(engine.name, started);
      await started.ready(LIMIT.start);
    }
    const child = children.get(engine.name);
    const ready = await child.ask({ prepare: workload.id, reference, modes: workload.modes }, LIMIT.prepare);
    return { engine, child, ready };
  } catch (error) {
    // A peer that failed may have left its memory in any state
    stop(children, engine);
    return { engine, problem: error.message, offered: error.offered };
  }
}
