// The built program in a folder of its own, as a user runs it.
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import * as assert from "uvu/assert";

const PROGRAM = resolve("build/cli.js");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As a shell would, with "" for an empty word. */
function split(args: string): string[] {
  return args
    .split(" ")
    .filter(Boolean)
    .map((word) => (word === '""' ? "" : word));
}

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "attention-cli-"));

  /** Runs the program here; `args` as typed, without spaces inside of them. `stdout`: a file in place of a pipe. */
  run(args: string, { env = {}, cwd = this.path, stdout: place = "pipe" as "pipe" | number } = {}): Outcome {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...split(args)], {
      cwd,
      encoding: "utf8",
      env: { ...process.env, ...env },
      stdio: ["ignore", place, "pipe"],
      timeout: 60_000,
    });
    return { code: status, stdout, stderr };
  }

  /** Runs the program, which must succeed without a word on stderr; what it printed. */
  succeed(args: string, env: Record<string, string> = {}): string {
    const { code, stdout, stderr } = this.run(args, { env });
    assert.is(stderr, "", args);
    assert.is(code, 0, args);
    return stdout;
  }

  /** Runs the program once for each pair; each time it must end with code 2, one line like that, and not a file changed. */
  async refuse(...cases: readonly (readonly [args: string, message: RegExp])[]): Promise<void> {
    const before = this.contents();
    const waiting = [...cases];
    const next = async (): Promise<void> => {
      for (let item = waiting.shift(); item; item = waiting.shift()) {
        const [args, message] = item;
        const { code, stderr } = await this.start(args);
        assert.match(stderr, /^attention-wasm: [^\n]+\n$/, `${args}: one line on stderr, not ${stderr}`);
        assert.match(stderr, message);
        assert.is(code, 2, args);
      }
    };
    await Promise.all([next(), next()]);
    assert.equal(this.contents(), before, "writes nothing");
  }

  /** As `run`, without waiting. */
  start(args: string): Promise<Outcome> {
    return new Promise((done) => {
      const child = execFile(
        process.execPath,
        [PROGRAM, ...split(args)],
        { cwd: this.path, timeout: 60_000 },
        (_error, stdout, stderr) => {
          done({ code: child.exitCode, stdout, stderr });
        },
      );
    });
  }

  write(name: string, content: Uint8Array | string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), content);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.path, name)));
  }

  has(name: string): boolean {
    return existsSync(join(this.path, name));
  }

  /** Every file and what is in it. */
  contents(): Record<string, string> {
    const names = readdirSync(this.path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = names.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
    return Object.fromEntries(paths.map((path) => [path, readFileSync(path, "latin1")]));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
