// Runs the tests in one runtime: starts it, waits for its report within a limit, and ends all of it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "./processes.mjs";

/** For a browser that has sent its report, or a program that has printed it, to be seen dead. */
const TAIL = 600;

/** @returns { report?, problem?, seconds }: what the tests said, or why they said nothing */
export async function runTests(launcher, { bundle, modules, threads, server, limit }) {
  const temporary = await mkdtemp(join(tmpdir(), `attention-${launcher.name}-`));
  const wanted = launcher.threads === true && threads;
  const page = launcher.where && server.open({ bundle, modules, threads: wanted, where: launcher.where, runtime: launcher.name });
  const started = performance.now();
  let launched;
  let program;
  try {
    launched = await launcher.launch({ bundle, modules, threads: wanted, temporary, url: page?.url });
    program = start(launched.command, launched.args, { env: launched.env });
    const answer = await firstOf(program, page, limit);
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
async function firstOf(program, page, limit) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve({ problem: `no report within ${limit / 1000} s` }), limit);
  });
  const ended = program.exited.then((code) => ({ code }));
  try {
    return await Promise.race([late, ended, ...(page ? [page.report] : [])]);
  } finally {
    clearTimeout(timer);
  }
}

function readAnswer({ problem, line, code }, program) {
  const tail = `${program.output().slice(-TAIL)}${program.errors().slice(-TAIL)}`.trim();
  if (problem !== undefined) return { problem: problem || "it failed without a word", tail };
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
