// What the colours mean: a bar with ticks, and the colours that are not on it.
import type { Box } from "./cells.js";
import { NOT_A_NUMBER } from "./cells.js";
import { escapeText, paint, place, type Theme } from "./svg.js";
import { hex, shortNumber, type WeightScale } from "./weight-scale.js";

/** Pixels that a legend is wide. */
export const LEGEND_WIDTH = 116;
const STEPS = 16;

export interface LegendOptions {
  readonly scale: WeightScale;
  readonly title: string;
  readonly theme: Theme;
  /** Whether there are hidden cells, and cells that hold no number. */
  readonly hidden: boolean;
  readonly broken: boolean;
  /** Only two colours: what 1 and 0 are called. */
  readonly words?: readonly [one: string, zero: string];
}

export function drawLegend({ x, y, height }: Omit<Box, "width">, options: LegendOptions): string {
  const { scale, theme, words } = options;
  const swatches: [string, string][] = [];
  if (words) swatches.push([`fill="${scale.css(1)}"`, words[0]]);
  if (options.hidden) swatches.push([paint("none", theme), words?.[1] ?? (scale.low < 0 ? "hidden" : "0, hidden")]);
  if (options.broken) swatches.push([`fill="${hex(NOT_A_NUMBER)}"`, "not a number"]);
  const bar = words ? 0 : Math.max(60, height - 26 * swatches.length);
  const squares = swatches.map(([fill, text], i) => {
    const top = y + bar + (bar ? 14 : 0) + 26 * i;
    return `<rect x="${place(x)}" y="${place(top)}" width="14" height="14" ${fill}/><rect x="${place(x)}" y="${place(top)}" width="14" height="14" fill="none" ${paint("line", theme)}/><text x="${place(x + 22)}" y="${place(top + 11)}">${escapeText(text)}</text>`;
  });
  const title = `<text x="${place(x)}" y="${place(y - 14)}" ${paint("faint", theme)}>${escapeText(options.title)}${!words && scale.logarithmic ? " (log)" : ""}</text>`;
  return `${title}
${bar ? drawBar(scale, x, y, bar, theme) : ""}<g ${paint("ink", theme)}>${squares.join("")}</g>`;
}

function drawBar(scale: WeightScale, x: number, y: number, height: number, theme: Theme): string {
  const colours = Array.from({ length: STEPS + 1 }, (_, i) => scale.css(1 - i / STEPS));
  const stops = colours.map((colour, i) => `<stop offset="${i / STEPS}" stop-color="${colour}"/>`);
  // The same gradient has the same name, so that two pictures in one page may both bring it
  const id = `attention-${[...colours.join("")].reduce((hash, c) => (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0, 7).toString(36)}`;
  const count = Math.max(2, Math.min(6, Math.floor(height / 34)));
  const ticks = scale.ticks(count).map((value) => ({ at: place(y + height * (1 - scale.level(value))), value }));
  return `<defs><linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${stops.join("")}</linearGradient></defs>
<rect x="${place(x)}" y="${place(y)}" width="14" height="${place(height)}" fill="url(#${id})"/>
<path d="${ticks.map(({ at }) => `M${place(x + 14)} ${at}h5`).join("")}" ${paint("line", theme)} fill="none"/>
<g ${paint("ink", theme)}>${ticks.map(({ at, value }) => `<text x="${place(x + 23)}" y="${place(at + 4)}">${shortNumber(value)}</text>`).join("")}</g>
`;
}
