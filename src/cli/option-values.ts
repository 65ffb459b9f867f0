// The values of flags: each parser takes what was typed and throws InputError with the flag's name.
import type { Command } from "commander";
import { InputError } from "./failure.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function numberOption(
  flag: string,
  { above = -Infinity, least = -Infinity, most = Infinity } = {},
): (text: string) => number {
  const range = most < Infinity ? ` from ${least} to ${most}` : above > -Infinity ? ` above ${above}` : "";
  return (text) => {
    const value = Number(text);
    if (!NUMBER.test(text) || !Number.isFinite(value) || value <= above || value < least || value > most) {
      throw new InputError(`${flag} takes a number${range}: got "${text}"`);
    }
    return value;
  };
}

export function integerOption(
  flag: string,
  least: number,
  { odd = false, most = Number.MAX_SAFE_INTEGER } = {},
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (
      !NUMBER.test(text) ||
      !Number.isSafeInteger(value) ||
      value < least ||
      value > most ||
      (odd && value % 2 === 0)
    ) {
      const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
      throw new InputError(`${flag} takes an ${odd ? "odd " : ""}integer ${range}: got "${text}"`);
    }
    return value;
  };
}

export function choiceOption<C extends string>(flag: string, choices: readonly C[]): (text: string) => C {
  return (text) => {
    const choice = choices.find((known) => known === text);
    if (!choice) throw new InputError(`${flag} takes ${choices.join(", ")}: got "${text}"`);
    return choice;
  };
}

/** Numbers between commas, or undefined where `text` is something else. */
export function numberList(text: string): number[] | undefined {
  const parts = text.split(",").map((part) => part.trim());
  return parts.every((part) => NUMBER.test(part)) ? parts.map(Number) : undefined;
}

/** `others`: what else the flag takes, for the message. */
export function integerList(flag: string, text: string, others = ""): number[] {
  const list = numberList(text);
  if (!list?.every(Number.isSafeInteger)) {
    throw new InputError(`${flag} takes integers between commas${others}: got "${text}"`);
  }
  return list;
}

export function floatList(flag: string, text: string, others = ""): Float32Array {
  const list = numberList(text);
  if (!list?.every((value) => Number.isFinite(Math.fround(value)))) {
    throw new InputError(`${flag} takes numbers between commas that float32 can hold${others}: got "${text}"`);
  }
  return Float32Array.from(list);
}

export function pixelOption(text: string): { x: number; y: number } {
  const [x, y, ...rest] = integerList("--explain", text);
  if (x === undefined || y === undefined || rest.length > 0 || x < 0 || y < 0) {
    throw new InputError(`--explain takes the column and row of a pixel, such as 40,25: got "${text}"`);
  }
  return { x, y };
}

/** The file that a command is about. */
export function fileArgument(text: string): string {
  if (text === "") throw new InputError("give the name of a file: got an empty one");
  if (text === "-") throw new InputError("standard input is not read: give the name of a file");
  return text;
}

/** Makes the options that take what was typed as it is refuse an empty name. */
export function refuseEmptyNames(command: Command): void {
  for (const option of command.options.filter(({ parseArg, flags }) => !parseArg && /[<[]/.test(flags))) {
    const lists = option.flags.includes("list|") ? "numbers between commas or " : "";
    option.argParser((text) => {
      if (text === "") throw new InputError(`${option.long} takes ${lists}the name of a file: got ""`);
      return text;
    });
  }
}
