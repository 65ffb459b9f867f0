// What counts as passed: a report, with every test that any runtime has, all of them green.

import { stripVTControlCharacters } from "node:util";

/** The thread tests are only there where threads are. */
const THREADS = "threads";

/** Suite -> how many tests it has, over all reports. */
export function expectedOf(outcomes) {
  const expected = {};
  for (const { report } of outcomes) {
    for (const [name, { given }] of Object.entries(report?.suites ?? {})) {
      expected[name] = Math.max(expected[name] ?? 0, given);
    }
  }
  return expected;
}

/** @returns { passed, failed, problems: string[] } */
export function judge(launcher, { report, problem, tail }, expected) {
  const problems = [];
  if (problem) problems.push(tail ? `${problem}\n${tail}` : problem);
  // What says nothing has failed once, whatever it did
  if (!report) return { passed: 0, failed: 1, problems };
  let passed = 0;
  let failed = problem ? 1 : 0;
  for (const [name, count] of Object.entries(expected)) {
    if (name === THREADS && launcher.threads !== true) continue;
    const { given = 0, passed: good = 0 } = report.suites[name] ?? {};
    passed += good;
    failed += count - good;
    if (given < count) problems.push(`only ${given} of the ${count} tests of '${name}' were run`);
  }
  problems.push(...report.errors.map((text) => stripVTControlCharacters(text).trimEnd()));
  if (failed === 0 && report.errors.length > 0) failed = report.errors.length;
  return { passed, failed, problems };
}
