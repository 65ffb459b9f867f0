// Files in and out: inputs are read whole; outputs are checked before any work and appear all at once or not at all.
import {
  accessSync,
  constants,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { FormatError } from "../formats/file-tensor.js";
import { InputError } from "./failure.js";

/** Reads a file and hands it to `parse`; every complaint begins with the file's name. */
export function readInput<T>(path: string, parse: (file: Uint8Array) => T): T {
  let file: Uint8Array;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw new InputError(`${path}: ${whyNot(error)}`);
  }
  try {
    return parse(file);
  } catch (error) {
    if (error instanceof FormatError) throw new InputError(`${path}: ${error.message}`);
    throw error;
  }
}

/** Refuses a name with another ending; gives the ending that it has. */
export function checkExtension<E extends string>(path: string, allowed: readonly E[]): E {
  const extension = extname(path).toLowerCase();
  if (!(allowed as readonly string[]).includes(extension)) {
    throw new InputError(`${path}: the name must end in ${allowed.join(" or ")}`);
  }
  return extension as E;
}

/** The files one command will write. Claim all of them before computing, put them, then commit. */
export class Outputs {
  readonly #force: boolean;
  readonly #claimed = new Set<string>();
  readonly #contents = new Map<string, Uint8Array>();

  constructor(force: boolean) {
    this.#force = force;
  }

  /** Makes sure that `path` can be written. `makeFolder`: its folder may be missing, commit makes it. */
  claim(path: string, makeFolder = false): void {
    const key = resolve(path);
    if (this.#claimed.has(key)) throw new InputError(`${path}: two results would be written to this file`);
    this.#claimed.add(key);
    const existing = kindOf(path);
    if (existing === "folder") throw new InputError(`${path}: is a folder, not a file to write`);
    if (existing === "file" && !this.#force) throw new InputError(`${path}: exists already; --force overwrites it`);
    let folder = dirname(key);
    while (makeFolder && kindOf(folder) === undefined) folder = dirname(folder);
    if (kindOf(folder) !== "folder") throw new InputError(`${path}: there is no folder ${dirname(path)}`);
    try {
      accessSync(folder, constants.W_OK);
      if (existing === "file") accessSync(key, constants.W_OK);
    } catch {
      throw new InputError(`${path}: cannot be written (no permission)`);
    }
  }

  put(path: string, content: Uint8Array): void {
    this.#contents.set(path, content);
  }

  /** Writes everything under temporary names beside the final ones, then moves all of it; names of the files. */
  commit(): string[] {
    const moves = [...this.#contents].map(([path, content]) => {
      return { path, content, temporary: join(dirname(path), `.${basename(path)}.${process.pid}.tmp`) };
    });
    const added: string[] = [];
    try {
      for (const { path, content, temporary } of moves) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(temporary, content, { flag: "wx" });
      }
      for (const { path, temporary } of moves) {
        this.#move(temporary, path);
        added.push(path);
      }
    } catch (error) {
      if (!this.#force) for (const path of added) rmSync(path, { force: true });
      if (error instanceof InputError) throw error;
      const failed = moves.find(({ temporary }) => temporary === (error as NodeJS.ErrnoException).path);
      throw new InputError(`${failed?.path ?? moves[0]!.path}: ${whyNot(error)}`);
    } finally {
      for (const { temporary } of moves) rmSync(temporary, { force: true });
    }
    return moves.map(({ path }) => path);
  }

  #move(temporary: string, path: string): void {
    if (!this.#force) {
      try {
        linkSync(temporary, path); // unlike a rename it never replaces a file that has appeared meanwhile
        return;
      } catch {
        // It exists by now, or the file system knows no links.
        if (kindOf(path) !== undefined) throw new InputError(`${path}: exists already; --force overwrites it`);
      }
    }
    renameSync(temporary, path);
  }
}

/** A folder that does not exist yet: attention-output/run-1, or the next number. */
export function freshFolder(): string {
  for (let n = 1; ; n++) {
    const folder = join("attention-output", `run-${n}`);
    if (kindOf(folder) === undefined) return folder;
  }
}

function kindOf(path: string): "file" | "folder" | undefined {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw new InputError(`${path}: ${whyNot(error)}`);
  }
}

function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT: "no such file",
    EISDIR: "is a folder, not a file",
    EACCES: "no permission",
    EPERM: "no permission",
    ENOSPC: "no space left",
    EROFS: "the file system is read-only",
    ENOTDIR: "a part of the path is no folder",
    ERR_FS_FILE_TOO_LARGE: "the file is larger than 2 GiB, the most that is read",
  };
  return reasons[code ?? ""] ?? message;
}
