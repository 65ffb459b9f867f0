// What ends the program, and with which exit code: 2 for what the user can put right, 1 for our own mistakes.
import { CommanderError } from "commander";
import type { ErrorCode } from "../errors.js";
import { FormatError } from "../formats/file-tensor.js";

/** Something the user gave cannot be; the message is one line and says what. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** Every code of the engine: an error with one of them is about what the user gave. */
const ENGINE_CODES: Record<ErrorCode, true> = {
  ERR_ARGUMENT_TYPE: true,
  ERR_UNKNOWN_OPTION: true,
  ERR_DTYPE: true,
  ERR_MIXED_KINDS: true,
  ERR_SHAPE: true,
  ERR_VALUE: true,
  ERR_AMBIGUOUS_CAUSAL: true,
  ERR_DISPOSED: true,
  ERR_FOREIGN_TENSOR: true,
  ERR_OUT_OF_MEMORY: true,
  ERR_CAPACITY: true,
  ERR_CLOSED: true,
  ERR_NO_SIMD: true,
  ERR_NO_RELAXED_SIMD: true,
  ERR_COMPILE: true,
  ERR_MODULE: true,
  ERR_WEIGHTS: true,
};

/** Prints what went wrong, if anything did, and gives the exit code. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // --help and --version have printed what they had to
    const message = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
    return fail(message === "(outputHelp)" ? "give a command; --help lists them" : message);
  }
  if (error instanceof InputError || error instanceof FormatError || isEngineError(error)) return fail(error.message);
  if (isOutOfMemory(error)) {
    return fail("this is more than fits into memory here");
  }
  process.stderr.write(
    `attention-wasm: internal error, please report it: ${(error as Error)?.stack ?? String(error)}\n`,
  );
  return 1;
}

function fail(message: string): number {
  process.stderr.write(`attention-wasm: ${message.replace(/\s*\n\s*/g, " ")}\n`);
  return 2;
}

/** What engines say where memory ends; other wrong lengths are mistakes of ours. */
function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof RangeError)) return false;
  const [, length] = /^Invalid typed array length: (\d+)$/.exec(error.message) ?? [];
  return Number(length) >= 2 ** 31 || /array buffer allocation failed|out of memory/i.test(error.message);
}

function isEngineError(error: unknown): error is Error {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && typeof code === "string" && Object.hasOwn(ENGINE_CODES, code);
}
