// An engine's process, seen from here: started on the chosen Node, asked one thing at a time, ended when it does not answer.
import { fork } from "node:child_process";

const SERVER = "bench/engines/serve.mjs";
/** What a process may say on stderr before only its end is kept: the reason, where it dies. */
const KEPT = 2000;

export class Child {
  #process;
  #said = "";
  #answers;
  #ended;

  /** @param node { path, flags } */
  constructor(node, program, options) {
    this.#process = fork(SERVER, [JSON.stringify({ program, options })], {
      execPath: node.path,
      execArgv: [...node.flags, "--expose-gc", "--max-old-space-size=8192"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.#said = (this.#said + text).slice(-KEPT);
      });
    }
    this.#ended = new Promise((resolve) => {
      this.#process.on("error", (error) => resolve(error.message));
      this.#process.on("exit", (code, signal) => resolve(`its process ended with ${signal ?? code}`));
    });
    this.#answers = nextMessages(this.#process);
    running.add(this);
  }

  /** Versions of the runtime, once it is up. */
  async ready(limit) {
    return (await this.#next(limit)).ready;
  }

  /** @throws what the engine said, with `offered` false where it cannot be asked for that at all */
  async ask(order, limit) {
    this.#process.send(order);
    const { result, problem, offered } = await this.#next(limit);
    if (problem !== undefined) throw Object.assign(new Error(problem), { offered });
    return result;
  }

  async #next(limit) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${limit / 1000} s`)), limit);
    });
    const dead = this.#ended.then((reason) => {
      throw new Error(`${reason}${this.#lastWords()}`);
    });
    try {
      return await Promise.race([this.#answers(), late, dead]);
    } catch (error) {
      this.end();
      throw Object.assign(error, { dead: true, offered: true });
    } finally {
      clearTimeout(timer);
    }
  }

  #lastWords() {
    const line = this.#said.split("\n").find((text) => /error|abort|out of memory/i.test(text));
    return line ? `: ${line.trim().slice(0, 200)}` : "";
  }

  get pid() {
    return this.#process.pid;
  }

  end() {
    running.delete(this);
    this.#process.kill("SIGKILL");
  }
}

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.end();
});

/** One promise per message, in order. */
function nextMessages(source) {
  const arrived = [];
  const waiting = [];
  source.on("message", (message) => {
    if (waiting.length > 0) waiting.shift()(message);
    else arrived.push(message);
  });
  return () =>
    arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve));
}
