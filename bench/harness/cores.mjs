// Which core a round runs on. A virtual core that shares a real one with a busy neighbour computes as many multiply-adds as
// ever, but issues a fifth fewer instructions and reads a third less memory, for minutes, and processes tend to stay where
// they are: engines would be compared by their cores (docs/kernels.md, "Noise"). Only Linux lets a program choose.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { platform } from "node:os";

const taskset = (...args) => spawnSync("taskset", args, { stdio: "ignore" }).status === 0;
const CORES = platform() === "linux" && taskset("-p", String(process.pid)) ? allowed() : [];

/** The cores that this process may run on: "0-2,5" -> [0, 1, 2, 5]. */
function allowed() {
  const [, list] = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Moves the main thread of a process to a core, or all of its threads; undefined: where it likes. */
export function place(pid, core, all = false) {
  if (core !== undefined) taskset(all ? "-acp" : "-cp", String(core), String(pid));
}

/**
 * Moves a process to the core that makes the most additions.
 * @param additions () => how many a second, where it is
 * @returns { core, additions: how many there, together: how many times as many it and the second best make }, or nothing in it
 *   where there is no choice
 */
export async function settle(pid, additions) {
  const rates = [];
  for (const core of CORES) {
    place(pid, core);
    rates.push(await additions());
  }
  if (rates.length < 2) return {};
  const [most, next] = rates.toSorted((a, b) => b - a);
  const core = CORES[rates.indexOf(most)];
  place(pid, core);
  return { core, additions: most, together: (most + next) / most };
}
