// One line per check, and the count at the end. Checks run two at a time, since there are hardly more processors.
const queue = [];
const wanted = process.argv.slice(2);

/** Registers a check: it passes with the detail it returns, or fails with what it throws. */
export function check(name, work) {
  if (wanted.length === 0 || wanted.some((word) => name.includes(word))) queue.push({ name, work });
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** What a consumer that ran attend.js says, as a detail; throws unless it is right. */
export function attended(result) {
  expect(result?.ok, JSON.stringify(result));
  return `${result.build}${result.threads > 1 ? `, ${result.threads} threads` : ""}, error ${result.error.toExponential(1)}`;
}

/** Runs what was registered. @returns whether all passed */
export async function runChecks(atOnce = 2) {
  let passed = 0;
  let failed = 0;
  const lanes = Array.from({ length: atOnce }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const started = Date.now();
      const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
      try {
        const detail = await next.work();
        passed++;
        console.log(`ok   ${next.name.padEnd(44)} ${detail ?? ""} (${seconds()})`);
      } catch (error) {
        failed++;
        console.log(`FAIL ${next.name.padEnd(44)} (${seconds()})\n${indent(error)}`);
      }
    }
  });
  await Promise.all(lanes);
  if (passed + failed === 0) failed++;
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0;
}

function indent(error) {
  const text = error instanceof Error ? error.message || error.stack : JSON.stringify(error);
  return text.slice(0, 4000).replace(/^/gm, "       ");
}
