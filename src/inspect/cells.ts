// The cells of a matrix as SVG: squares with tooltips where there are few, a picture of pixels where there are many.
import { writePng } from "../formats/png.js";
import { type Matrix, positions } from "./matrix.js";
import { escapeText, paint, place, type Theme } from "./svg.js";
import { hex, type Rgb, shortNumber, type WeightScale } from "./weight-scale.js";

/** From here on a picture: every square is an element that a browser has to keep. */
const MOST_SQUARES = 1600;
/** Cells that hold no number: nothing of the scales looks like it. */
export const NOT_A_NUMBER: Rgb = [255, 45, 85];

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What a cell is: a colour of the scale, hidden (0 weight, -Infinity score), or no number. */
export function kindOf(value: number, zeroHidden: boolean): "shown" | "hidden" | "broken" {
  if ((zeroHidden && value === 0) || value === -Infinity) return "hidden";
  return Number.isFinite(value) ? "shown" : "broken";
}

export interface CellStyle {
  readonly scale: WeightScale;
  readonly zeroHidden: boolean;
  readonly theme: Theme;
  /** What a row or a column is called in tooltips; without it there are none. */
  readonly row?: (index: number) => string;
  readonly column?: (index: number) => string;
}

export function drawCells(matrix: Matrix, box: Box, style: CellStyle): string {
  const frame = `<rect x="${place(box.x)}" y="${place(box.y)}" width="${place(box.width)}" height="${place(box.height)}" ${paint("none", style.theme)}/>`;
  if (matrix.rows * matrix.columns > MOST_SQUARES || !style.row) return frame + drawPixels(matrix, box, style);
  return frame + drawSquares(matrix, box, style);
}

function drawSquares({ rows, columns, cells }: Matrix, box: Box, style: CellStyle): string {
  const edges = (start: number, length: number, count: number) =>
    Array.from({ length: count + 1 }, (_, i) => Math.round(start + (i * length) / count));
  const xs = edges(box.x, box.width, columns);
  const ys = edges(box.y, box.height, rows);
  let squares = "";
  for (let i = 0; i < rows; i++) {
    const row = style.row?.(i) ?? "";
    for (let j = 0; j < columns; j++) {
      const value = cells[i * columns + j]!;
      const kind = kindOf(value, style.zeroHidden);
      const fill =
        kind === "hidden"
          ? 'fill-opacity="0"'
          : `fill="${kind === "broken" ? hex(NOT_A_NUMBER) : hex(style.scale.colour(value))}"`;
      const tip = `${row} \u2192 ${style.column?.(j) ?? ""}: ${shortNumber(value)}`;
      squares += `<rect x="${xs[j]}" y="${ys[i]}" width="${xs[j + 1]! - xs[j]!}" height="${ys[i + 1]! - ys[i]!}" ${fill}><title>${escapeText(tip)}</title></rect>\n`;
    }
  }
  return `<g shape-rendering="crispEdges">\n${squares}</g>`;
}

function drawPixels(matrix: Matrix, box: Box, style: CellStyle): string {
  const png = cellsPng(matrix, style.scale, style.zeroHidden);
  // Where several cells share a pixel, their mean is better than one of them
  const rendering = matrix.columns > box.width || matrix.rows > box.height ? "auto" : "pixelated";
  return `<image x="${place(box.x)}" y="${place(box.y)}" width="${place(box.width)}" height="${place(box.height)}" preserveAspectRatio="none" style="image-rendering:${rendering}" href="${png}"/>`;
}

/** A data URL: one pixel per cell, hidden cells transparent. */
export function cellsPng(
  { rows, columns, cells }: Matrix,
  scale: WeightScale,
  zeroHidden: boolean,
  opacity?: (level: number) => number,
): string {
  const data = new Float32Array(rows * columns * 4);
  for (let at = 0; at < rows * columns; at++) {
    const value = cells[at]!;
    const kind = kindOf(value, zeroHidden);
    if (kind === "hidden") continue;
    const [r, g, b] = kind === "broken" ? NOT_A_NUMBER : scale.colour(value);
    data.set([r / 255, g / 255, b / 255, opacity && kind === "shown" ? opacity(scale.level(value)) : 1], at * 4);
  }
  return dataUrl(writePng({ width: columns, height: rows, channels: 4, data, depth: 8 }), "image/png");
}

export function dataUrl(bytes: Uint8Array, type: string): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return `data:${type};base64,${btoa(text)}`;
}

/** Tooltip names of rows or columns: "query 3 cat". */
export function namesOf(what: string, tokens: readonly string[] | undefined, block: number, size: number) {
  return (index: number) => {
    const token = block === 1 ? tokens?.[index] : undefined;
    return `${what} ${positions(index, block, size)}${token === undefined ? "" : ` ${token}`}`;
  };
}
