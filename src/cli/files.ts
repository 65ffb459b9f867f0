// Files in and out: inputs are read whole; outputs are checked before any work and appear all at once or not at all.
import {
  accessSync,
  chmodSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { FormatError } from "../formats/file-tensor.js";
import { InputError } from "./failure.js";

/** Bytes that Node reads or writes at once, and so the largest file. */
export const MAX_FILE = 2 ** 31 - 1;

/** Reads a file and hands it to `parse`; every complaint begins with the file's name. */
export function readInput<T>(path: string, parse: (file: Uint8Array) => T): T {
  const kind = kindOf(path, statSync);
  if (kind === undefined) throw new InputError(`${path}: no such file`);
  if (kind === "a folder") throw new InputError(`${path}: is a folder, not a file`);
  if (kind !== "a file") {
    throw new InputError(`${path}: is ${kind}; only regular files are read, neither pipes nor standard input`);
  }
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

  /** Makes sure that `path` can be written. */
  claim(path: string): void {
    const key = resolve(path);
    if (this.#claimed.has(key)) throw new InputError(`${path}: two results would be written to this file`);
    this.#claimed.add(key);
    const existing = this.#existing(path);
    const folder = dirname(key);
    if (kindOf(folder, statSync) !== "a folder") throw new InputError(`${path}: there is no folder ${dirname(path)}`);
    checkWritable(path, folder);
    if (existing) checkWritable(path, key);
  }

  put(path: string, content: Uint8Array): void {
    this.#contents.set(path, content);
  }

  /** Writes everything under temporary names beside the final ones, then moves all of it; names of the files. */
  commit(): string[] {
    const mark = `${process.pid}-${Date.now().toString(36)}`;
    const moves = [...this.#contents].map(([path, content], i) => {
      // Short, for the name itself may be as long as names can be
      return { path, content, temporary: join(dirname(path), `.attention-${mark}-${i}.tmp`) };
    });
    const added: string[] = [];
    try {
      for (const { content, temporary } of moves) writeFileSync(temporary, content, { flag: "wx" });
      for (const { path, temporary } of moves) {
        this.#move(temporary, path);
        added.push(path);
      }
    } catch (error) {
      if (!this.#force) for (const path of added) removeQuietly(path);
      if (error instanceof InputError) throw error;
      const failed = moves.find(({ temporary }) => temporary === (error as NodeJS.ErrnoException).path);
      throw new InputError(`${failed?.path ?? moves[0]!.path}: ${whyNot(error)}`);
    } finally {
      for (const { temporary } of moves) removeQuietly(temporary);
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
      }
    }
    const existing = this.#existing(path);
    if (existing) chmodSync(temporary, existing.mode & 0o7777);
    renameSync(temporary, path);
  }

  /** The file that would be overwritten; refuses where nothing may be. */
  #existing(path: string): Stats | undefined {
    const kind = kindOf(path, lstatSync); // a link is what it is, wherever it leads
    if (kind === undefined) return undefined;
    if (kind === "a folder") throw new InputError(`${path}: is a folder, not a file to write`);
    if (kind !== "a file") throw new InputError(`${path}: is ${kind}; only regular files are overwritten`);
    if (!this.#force) throw new InputError(`${path}: exists already; --force overwrites it`);
    return lstatSync(path);
  }
}

const RUNS = "attention-output";

/** Makes sure that makeFreshFolder can do so. */
export function checkFreshFolder(): void {
  const kind = kindOf(RUNS, statSync);
  if (kind !== undefined && kind !== "a folder") {
    throw new InputError(`${RUNS}: is ${kind}, where the folder for results would be; -o says where else to write`);
  }
  checkWritable(RUNS, kind === undefined ? "." : RUNS);
}

/** Makes a folder that nobody else has: attention-output/run-1, or the next number. */
export function makeFreshFolder(): string {
  try {
    mkdirSync(RUNS, { recursive: true });
    for (let n = 1; ; n++) {
      const folder = join(RUNS, `run-${n}`);
      if (makeFolder(folder)) return folder;
    }
  } catch (error) {
    throw new InputError(`${RUNS}: ${whyNot(error)}`);
  }
}

/** False where something has the name already. */
function makeFolder(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a folder unless there is something in it. */
export function removeEmptyFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // What is being reported already matters more.
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // As above
  }
}

function checkWritable(path: string, place: string): void {
  try {
    accessSync(place, constants.W_OK);
  } catch {
    throw new InputError(`${path}: cannot be written (no permission)`);
  }
}

/** What lies at a path in words, or undefined. */
function kindOf(path: string, look: (path: string) => Stats): string | undefined {
  try {
    const found = look(path);
    if (found.isFile()) return "a file";
    if (found.isDirectory()) return "a folder";
    if (found.isSymbolicLink()) return "a symbolic link";
    if (found.isFIFO()) return "a pipe";
    return found.isSocket() ? "a socket" : "a device";
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw new InputError(`${path}: ${whyNot(error)}`);
  }
}

export function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT: "no such file",
    EISDIR: "is a folder, not a file",
    EACCES: "no permission",
    EPERM: "no permission",
    ENOSPC: "no space left",
    EDQUOT: "no space left",
    EROFS: "the file system is read-only",
    ENOTDIR: "a part of the path is no folder",
    ENAMETOOLONG: "the name is too long",
    ELOOP: "too many symbolic links",
    ERR_FS_FILE_TOO_LARGE: "the file is larger than 2 GiB, the most that is read",
  };
  return reasons[code ?? ""] ?? message;
}
