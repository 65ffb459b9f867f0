// Starts programs in process groups of their own, and ends whole groups: a browser is many processes.
import { spawn } from "node:child_process";

const running = new Set();
/** What a program may print before only its end is kept. */
const KEPT = 64 * 1024;

/** @returns { exited: Promise<code or signal or error text>, output(), errors(), stop(): Promise, child } */
export function start(command, args, { env = {}, cwd, stdio = ["ignore", "pipe", "pipe"] } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio, detached: true });
  const program = { child, stdout: "", stderr: "", ended: false };
  running.add(program);
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    program.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    program.stderr = (program.stderr + text).slice(-KEPT);
  });
  const exited = new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(signal ?? code));
  }).finally(() => {
    program.ended = true;
  });
  return {
    child,
    exited,
    output: () => program.stdout,
    errors: () => program.stderr,
    async stop() {
      signal(program, "SIGTERM");
      const timer = setTimeout(() => signal(program, "SIGKILL"), 3000);
      await exited;
      clearTimeout(timer);
      // What the program left of its group
      signal(program, "SIGKILL");
      running.delete(program);
    },
  };
}

/** Runs a program to its end; throws with what it said when it fails. */
export async function finish(command, args, options) {
  const program = start(command, args, options);
  const code = await program.exited;
  await program.stop();
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${program.errors().trim().slice(-800)}`);
  return program.output();
}

/** Ends everything that was started and still runs. */
export function endAll() {
  for (const program of running) signal(program, "SIGKILL");
}

function signal({ child }, name) {
  try {
    if (child.pid) process.kill(-child.pid, name);
  } catch {
    // The group has gone
  }
}
