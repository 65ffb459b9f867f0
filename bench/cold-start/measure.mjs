// From import to the first result, in a new process each time. Rounds are interleaved: the bare runtime, this package, its
// peers, the bare runtime, ....
import { execFileSync } from "node:child_process";
import { installPeers } from "../harness/peers.mjs";
import { summary } from "../harness/statistics.mjs";

const PROGRAMS = [
  ["bare", "the inputs, and nothing computed"],
  ["attention-wasm", "attention-wasm"],
  ["plain-javascript", "plain JavaScript"],
  ["onnxruntime-web", "onnxruntime-web"],
  ["tfjs", "tfjs-backend-wasm"],
  ["onnxruntime-node", "onnxruntime-node, native"],
];
/** The first rounds fill the caches of files. */
const WARM = 2;

/**
 * `whole`: ms of a process; `over`: more than the bare one took in the median; `inside`: from import to the first result.
 * @param node { path, flags }
 * @returns [{ name, title, whole, over, inside }], each with min, quartiles and median
 */
export function measureColdStarts(node, rounds, say) {
  installPeers(say);
  const runs = PROGRAMS.map(([name, title]) => ({ name, title, whole: [], inside: [], sum: Number.NaN }));
  for (let round = -WARM; round < rounds; round++) {
    say(`cold starts: round ${round + 1} of ${rounds}`);
    for (const run of runs) {
      const started = performance.now();
      const printed = execFileSync(node.path, [...node.flags, `bench/cold-start/${run.name}.mjs`], {
        encoding: "utf8",
      });
      const whole = performance.now() - started;
      const { milliseconds, sum } = JSON.parse(printed.trim().split("\n").at(-1));
      run.sum = sum;
      if (round < 0) continue;
      run.whole.push(whole);
      run.inside.push(milliseconds);
    }
  }
  const [bare, ...others] = runs;
  for (const { name, sum } of others) {
    if (!(Math.abs(sum - others[0].sum) < 1e-3)) throw new Error(`cold start: ${name} computed something else`);
  }
  const base = summary(bare.whole);
  return runs.map(({ name, title, whole, inside }) => {
    const all = summary(whole);
    return {
      name,
      title,
      whole: all,
      over: { min: all.min - base.min, median: all.median - base.median },
      inside: summary(inside),
    };
  });
}
