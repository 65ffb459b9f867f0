// The values of flags: each parser takes what was typed and throws InputError with the flag's name.
import { InputError } from "./failure.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function numberOption(flag: string, { above }: { above?: number } = {}): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!NUMBER.test(text) || !Number.isFinite(value) || (above !== undefined && value <= above)) {
      throw new InputError(`${flag} takes a number${above === undefined ? "" : ` above ${above}`}: got "${text}"`);
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

/** Numbers between commas, or undefined where `text` is something else (the name of a file). */
export function numberList(text: string): number[] | undefined {
  const parts = text.split(",").map((part) => part.trim());
  return parts.every((part) => NUMBER.test(part)) ? parts.map(Number) : undefined;
}

export function integerList(flag: string, text: string): number[] {
  const list = numberList(text);
  if (!list?.every(Number.isSafeInteger)) throw new InputError(`${flag} takes integers between commas: got "${text}"`);
  return list;
}

export function pixelOption(text: string): { x: number; y: number } {
  const [x, y, ...rest] = integerList("--explain", text);
  if (x === undefined || y === undefined || rest.length > 0 || x < 0 || y < 0) {
    throw new InputError(`--explain takes the column and row of a pixel, such as 40,25: got "${text}"`);
  }
  return { x, y };
}
