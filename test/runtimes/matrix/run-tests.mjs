// Runs the tests in one runtime: starts it, waits for its report within a limit, and ends all of it.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { start } from "./processes.mjs";

/** A browser whose page says nothing for so long has not opened it: it is started once more. */
const OPENING = 40_000;
/** Between two looks at whether a browser has lost its page's process, which it outlives. */
const LOOK = 1000;

/** Letters of what a program said last, where it gave no report. */
const TAIL = 600;

/**
 * `folder` is where a folder of its own is made for it: a short path, for browsers put sockets in there.
 * @returns { report?, problem?, seconds }: what the tests said, or why they said nothing
 */
export async function runTests(launcher, context) {
  const outcome = await attempt(launcher, context);
  if (!outcome.again) return outcome;
  console.log(`${launcher.title}: ${outcome.problem}; once more`);
  return attempt(launcher, context);
}

async function attempt(launcher, { folder, bundle, modules, threads, server, limit }) {
  const temporary = await mkdtemp(join(folder, "t"));
  const wanted = launcher.threads === true && threads;
  const page = launcher.where && server.open({ bundle, modules, threads: wanted, where: launcher.where, runtime: launcher.name });
  const started = performance.now();
  let launched;
  let program;
  try {
    launched = await launcher.launch({ bundle, modules, threads: wanted, temporary, url: page?.url });
    program = start(launched.command, launched.args, { env: launched.env });
    const answer = await firstOf(program, page, limit, launcher.crash);
    return { ...readAnswer(answer, program), seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    return { problem: error.message, seconds: (performance.now() - started) / 1000 };
  } finally {
    await program?.stop();
    await launched?.close?.();
    page?.close();
    await rm(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** The report of a page, the end of a program, or the end of patience. */
async function firstOf(program, page, limit, crash) {
  const timers = [];
  const after = (time, answer) => new Promise((resolve) => {
    timers.push(setTimeout(() => resolve(answer()), time));
  });
  const late = after(limit, () => ({ problem: `no report within ${limit / 1000} s${heard(page)}` }));
  const unopened = after(OPENING, () =>
    page && page.progress() === undefined ? { problem: `no page within ${OPENING / 1000} s`, again: true } : late,
  );
  const crashed = new Promise((resolve) => {
    const look = () => {
      const line = crash && program.errors().match(crash)?.[0];
      if (line) resolve({ problem: `${line}${heard(page)}`, again: true });
    };
    timers.push(setInterval(look, LOOK));
  });
  const ended = program.exited.then((code) => ({ code }));
  try {
    return await Promise.race([late, unopened, crashed, ended, ...(page ? [page.report] : [])]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

const heard = (page) => (page ? `, last heard of in '${page.progress() ?? "nothing"}'` : "");

function readAnswer({ problem, again, line, code }, program) {
  const tail = `${program.output().slice(-TAIL)}${program.errors().slice(-TAIL)}`.trim();
  if (problem !== undefined) return { problem: problem || "it failed without a word", again, tail };
  const lines = line === undefined ? program.output().split("\n") : [line];
  const report = lines.map(parsed).find((value) => value?.suites);
  if (!report) return { problem: `it ended with ${code ?? "an answer"} and without a report`, tail };
  if (code !== undefined && code !== 0) return { report, problem: `it ended with ${code}`, tail };
  return { report };
}

function parsed(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
