// The two axes of a matrix: positions at round numbers, or tokens, turned and thinned out as far as they need it.
import { ticks } from "d3-array";
import { show, wrongKind, wrongValue } from "../errors.js";
import type { Box } from "./cells.js";
import { escapeText, paint, place, shortened, textWidth, type Theme } from "./svg.js";

/** Closest that two lines of text may come. */
const LINE = 13;
/** Widest a label may be. */
const WIDEST = 118;

export interface Axis {
  /** Positions of the original. */
  readonly size: number;
  readonly tokens: readonly string[] | undefined;
  readonly title: string;
}

/** Tokens as an option: as many strings as there are positions. */
export function checkTokens(name: string, tokens: unknown, size: number): readonly string[] | undefined {
  if (tokens === undefined) return undefined;
  if (!Array.isArray(tokens) || !tokens.every((token) => typeof token === "string")) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be an array of strings: got ${show(tokens)}`);
  }
  if (tokens.length !== size) {
    throw wrongValue("ERR_SHAPE", `${name} must have one string for each of ${size} positions: got ${tokens.length}`);
  }
  return tokens;
}

interface Label {
  /** Pixels from the start of the axis. */
  readonly at: number;
  readonly text: string;
}

function labelsOf({ size, tokens }: Axis, length: number): readonly Label[] {
  const at = (position: number) => (position * length) / size;
  if (tokens) {
    const every = Math.max(1, Math.ceil(LINE / (length / size)));
    return tokens
      .map((token, i) => ({ at: at(i + 0.5), text: token === "" ? '""' : shortened(token, WIDEST) }))
      .filter((_, i) => i % every === 0);
  }
  const count = Math.max(2, Math.min(10, Math.floor(length / 56)));
  const chosen = size <= count ? Array.from({ length: size }, (_, i) => i) : ticks(0, size, Math.min(count, size));
  return chosen
    .filter((i) => Number.isInteger(i) && i < size)
    .map((i) => ({ at: at(i + 0.5), text: i.toLocaleString("en") }));
}

/** Room that an axis needs beside the matrix, its title included. */
export function axisRoom(axis: Axis, length: number, side: "left" | "bottom"): { room: number; before: number } {
  const labels = labelsOf(axis, length);
  const widest = labels.reduce((most, { text }) => Math.max(most, textWidth(text)), 0);
  if (side === "left") return { room: widest + 38, before: 0 };
  if (isFlat(labels, length, axis)) return { room: 46, before: 0 };
  // Turned by 45 degrees, a label reaches as far left of its place as it reaches down
  const reach = labels.reduce((most, { at, text }) => Math.max(most, textWidth(text) * Math.SQRT1_2 + 8 - at), 0);
  return { room: widest * Math.SQRT1_2 + 42, before: reach };
}

function isFlat(labels: readonly Label[], length: number, { size, tokens }: Axis): boolean {
  if (!tokens) return true;
  const room = labels.length > 1 ? labels[1]!.at - labels[0]!.at : length / size;
  return labels.every(({ text }) => textWidth(text) + 6 <= room);
}

export function drawLeftAxis(axis: Axis, box: Box, theme: Theme): string {
  const labels = labelsOf(axis, box.height);
  const widest = labels.reduce((most, { text }) => Math.max(most, textWidth(text)), 0);
  const ticks = labels.map(({ at }) => `M${place(box.x)} ${place(box.y + at)}h-5`).join("");
  const texts = labels.map(
    ({ at, text }) => `<text x="${place(box.x - 9)}" y="${place(box.y + at + 4)}">${escapeText(text)}</text>`,
  );
  const [x, y] = [place(box.x - widest - 22), place(box.y + box.height / 2)];
  return `<path d="${ticks}" ${paint("line", theme)} fill="none"/>
<g ${paint("ink", theme)} text-anchor="end">${texts.join("")}</g>
<text transform="translate(${x} ${y}) rotate(-90)" text-anchor="middle" ${paint("faint", theme)}>${escapeText(axis.title)}</text>`;
}

export function drawBottomAxis(axis: Axis, box: Box, theme: Theme): string {
  const labels = labelsOf(axis, box.width);
  const flat = isFlat(labels, box.width, axis);
  const bottom = box.y + box.height;
  const ticks = labels.map(({ at }) => `M${place(box.x + at)} ${place(bottom)}v5`).join("");
  const texts = labels.map(({ at, text }) => {
    const [x, y] = [place(box.x + at), place(bottom + (flat ? 19 : 13))];
    const where = flat ? `x="${x}" y="${y}"` : `transform="translate(${place(x + 3)} ${y}) rotate(-45)"`;
    return `<text ${where}>${escapeText(text)}</text>`;
  });
  const { room } = axisRoom(axis, box.width, "bottom");
  return `<path d="${ticks}" ${paint("line", theme)} fill="none"/>
<g ${paint("ink", theme)} text-anchor="${flat ? "middle" : "end"}">${texts.join("")}</g>
<text x="${place(box.x + box.width / 2)}" y="${place(bottom + room - 6)}" text-anchor="middle" ${paint("faint", theme)}>${escapeText(axis.title)}</text>`;
}
