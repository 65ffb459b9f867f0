// A map of weights made of characters: in colour two pixels to a character, else shades of ASCII.
import { boolean, integer, knownOptions } from "../checks.js";
import { kindOf } from "./cells.js";
import { chooseMatrix, coarser, type Matrix, type Selection } from "./matrix.js";
import type { Numbers } from "./numbers.js";
import { type Rgb, SCALE_OPTIONS, type ScaleOptions, weightScale } from "./weight-scale.js";

export interface TerminalMapOptions extends Selection, ScaleOptions {
  /** Most characters in a line; default 64. */
  readonly columns?: number;
  /** 24-bit colours by escape sequences (default), or ASCII. */
  readonly color?: boolean;
}

/** @returns lines of text: queries down, keys to the right, a brighter cell has more weight */
export function terminalMap(weights: Numbers, options: TerminalMapOptions = {}): string {
  knownOptions(options, ["head", "batch", "columns", "color", ...SCALE_OPTIONS]);
  const { head, batch, columns = 64, color = true, ...scaling } = options;
  const selection = { ...(head !== undefined && { head }), ...(batch !== undefined && { batch }) };
  const { matrix } = chooseMatrix("weights", weights, selection);
  return terminalMapOf(matrix, integer("columns", columns, 1), boolean("color", color), scaling);
}

/** The same of a matrix that is coarse already. */
export function terminalMapOf(matrix: Matrix, columns: number, color: boolean, scaling: ScaleOptions = {}): string {
  const small = coarser(matrix, color ? 64 : 32, columns);
  const scale = weightScale(small.cells, scaling);
  const zeroHidden = scale.low >= 0;
  const value = (x: number, y: number) => small.cells[y * small.columns + x]!;
  const shownAt = (x: number, y: number) => kindOf(value(x, y), zeroHidden) === "shown";
  if (color) {
    return halfBlocks(small.columns, small.rows, (x, y) => (shownAt(x, y) ? scale.colour(value(x, y)) : [0, 0, 0]));
  }
  return asciiShades(small.columns, small.rows, (x, y) => (shownAt(x, y) ? 0.1 + 0.9 * scale.level(value(x, y)) : 0));
}

/** Two pixels in each character: the upper one its foreground, the lower one its background. Colours 0 to 255. */
export function halfBlocks(width: number, height: number, colourAt: (x: number, y: number) => Rgb): string {
  const code = (x: number, y: number) => colourAt(x, y).map(Math.round).join(";");
  let text = "";
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x++) {
      const lower = y + 1 < height ? `\x1b[48;2;${code(x, y + 1)}m` : "\x1b[49m";
      text += `\x1b[38;2;${code(x, y)}m${lower}\u2580`;
    }
    text += "\x1b[0m\n";
  }
  return text;
}

const RAMP = " .:-=+*#%@";

/** `levelAt` from 0 to 1; one character is about twice as high as wide, so give half as many rows. */
export function asciiShades(width: number, height: number, levelAt: (x: number, y: number) => number): string {
  let text = "";
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      text += RAMP[Math.min(RAMP.length - 1, Math.max(0, Math.floor(levelAt(x, y) * RAMP.length)))];
    }
    text += "\n";
  }
  return text;
}
