// A map of weights as an SVG: queries down, keys to the right, or cells laid over the picture they belong to.
import { integer, knownOptions } from "../checks.js";
import { wrongValue } from "../errors.js";
import { type Axis, axisRoom, checkTokens, drawBottomAxis, drawLeftAxis } from "./axis.js";
import { type Box, cellsPng, drawCells, kindOf, namesOf } from "./cells.js";
import { drawLegend, LEGEND_WIDTH } from "./legend.js";
import { chooseMatrix, describeSize, type Matrix, type Selection } from "./matrix.js";
import type { Numbers } from "./numbers.js";
import { checkPicture, type PictureLayer } from "./picture.js";
import { checkTheme, escapeText, paint, place, svgDocument, textWidth, type Theme } from "./svg.js";
import { SCALE_OPTIONS, type ScaleOptions, type WeightScale, weightScale } from "./weight-scale.js";

/** Options of `heatmap`. */
export interface HeatmapOptions extends Selection, ScaleOptions {
  /** What the rows and the columns are, where both are the same tokens. */
  readonly tokens?: readonly string[];
  readonly queryTokens?: readonly string[];
  readonly keyTokens?: readonly string[];
  /** Titles of the axes and of the legend; default query, key and weight. */
  readonly queryTitle?: string;
  readonly keyTitle?: string;
  readonly legendTitle?: string;
  /** Default: which head it is; the second line tells the size. */
  readonly title?: string;
  readonly subtitle?: string;
  /** Lay the cells over this picture; the rows and columns are then its own, from the top left. */
  readonly picture?: PictureLayer;
  /** With `picture`: a ring around this cell, [row, column]; the one whose weights these are, say. */
  readonly mark?: readonly [number, number];
  /** Default `'auto'`: light or dark as the page is. */
  readonly theme?: Theme;
}

const OPTIONS: readonly string[] = [
  ...["head", "batch", "tokens", "queryTokens", "keyTokens", "queryTitle", "keyTitle", "legendTitle", "title"],
  ...["subtitle", "extent", "picture", "mark", "theme"],
  ...SCALE_OPTIONS,
];

/** Pixels of the longer side of a map without tokens. */
const SIDE = 560;
const HEADER = 68;
const EDGE = 16;

/**
 * Draws a matrix of weights, scores or booleans.
 * @param weights [Sq, Sk], [H, Sq, Sk] or [B, H, Sq, Sk], as `engine.attention(..., { returnWeights: true })` gives them; more
 *   than 1,024 rows or columns become means of blocks
 * @returns an SVG: a file of its own, or a part of a page
 */
export function heatmap(weights: Numbers, options: HeatmapOptions = {}): string {
  knownOptions(options, OPTIONS);
  if (options.mark && !options.picture) throw wrongValue("ERR_VALUE", "mark belongs to picture, which is not there");
  const { matrix, heads, batch } = chooseMatrix("weights", weights, options);
  return heatmapOf(matrix, options, {
    title: titleOf(options, heads, batch),
    boolean: (weights as { dtype?: string }).dtype === "bool",
  });
}

function titleOf({ head = 0, batch: item = 0 }: Selection, heads: number, batch: number): string {
  const where = [heads > 1 ? `head ${head} of ${heads}` : "", batch > 1 ? `batch item ${item} of ${batch}` : ""];
  return ["Attention weights", ...where.filter(Boolean)].join(", ");
}

/** The same of a matrix that is coarse already. */
export function heatmapOf(
  matrix: Matrix,
  options: HeatmapOptions,
  { title: otherwise, boolean = false }: { title: string; boolean?: boolean },
): string {
  const theme = checkTheme(options.theme);
  const { title = otherwise } = options;
  const subtitle =
    options.subtitle ?? (options.picture ? `${matrix.rows} by ${matrix.columns} cells` : describeSize(matrix));
  const plain: ScaleOptions = boolean ? { domain: [0, 1] } : options.picture ? { scale: "linear" } : {};
  const scale = weightScale(matrix.cells, { ...plain, ...options });
  const zeroHidden = scale.low >= 0;
  const kinds = new Set(Array.from(matrix.cells, (cell) => kindOf(cell, zeroHidden)));
  const legend = {
    scale,
    theme,
    title: options.legendTitle ?? (boolean ? "" : "weight"),
    hidden: kinds.has("hidden"),
    broken: kinds.has("broken"),
    ...(boolean && matrix.block[0] * matrix.block[1] === 1 && { words: ["attends", "hidden"] as const }),
  };
  const { box, body, bottom } = options.picture
    ? overPicture(matrix, scale, zeroHidden, theme, options.picture, options.mark)
    : overAxes(matrix, scale, zeroHidden, theme, options);
  const header = `<text x="${EDGE}" y="26" font-size="16" font-weight="600" ${paint("ink", theme)}>${escapeText(title)}</text>
<text x="${EDGE}" y="45" ${paint("faint", theme)}>${escapeText(subtitle)}</text>`;
  const x = box.x + box.width + 24;
  const width = Math.max(x + LEGEND_WIDTH, textWidth(title) * 1.45 + 2 * EDGE, textWidth(subtitle) + 2 * EDGE);
  const height = Math.max(bottom, HEADER + 140) + EDGE / 2;
  const bar = drawLegend({ x, y: HEADER + 6, height: Math.min(260, Math.max(box.height - 6, 120)) }, legend);
  return svgDocument({ width, height, label: `${title}: ${subtitle}`, theme }, `${header}\n${body}\n${bar}`);
}

interface Body {
  readonly box: Box;
  readonly body: string;
  /** One past the lowest pixel. */
  readonly bottom: number;
}

function overAxes(
  matrix: Matrix,
  scale: WeightScale,
  zeroHidden: boolean,
  theme: Theme,
  options: HeatmapOptions,
): Body {
  const { queries, keys, block } = matrix;
  const same = queries === keys ? options.tokens : undefined;
  if (options.tokens && queries !== keys) {
    throw wrongValue(
      "ERR_SHAPE",
      `tokens must be queryTokens and keyTokens where there are ${queries} queries and ${keys} keys`,
    );
  }
  const rows: Axis = {
    size: queries,
    tokens: checkTokens("queryTokens", options.queryTokens, queries) ?? checkTokens("tokens", same, queries),
    title: options.queryTitle ?? "query",
  };
  const columns: Axis = {
    size: keys,
    tokens: checkTokens("keyTokens", options.keyTokens, keys) ?? checkTokens("tokens", same, keys),
    title: options.keyTitle ?? "key",
  };
  const cell = cellSize(queries, keys, rows.tokens !== undefined || columns.tokens !== undefined);
  const width = Math.max(48, Math.round(cell * keys));
  const height = Math.max(48, Math.round(cell * queries));
  const left = axisRoom(rows, height, "left");
  const bottom = axisRoom(columns, width, "bottom");
  const box = { x: Math.round(Math.max(left.room, bottom.before) + EDGE), y: HEADER, width, height };
  const style = {
    scale,
    zeroHidden,
    theme,
    row: namesOf(rows.title, rows.tokens, block[0], queries),
    column: namesOf(columns.title, columns.tokens, block[1], keys),
  };
  const body = `${drawCells(matrix, box, style)}
${drawLeftAxis(rows, box, theme)}
${drawBottomAxis(columns, box, theme)}`;
  return { box, body, bottom: HEADER + height + bottom.room };
}

/** Pixels of a cell: tokens need room for a line of text, as long as the map does not become too large for a screen. */
function cellSize(queries: number, keys: number, tokens: boolean): number {
  const longest = Math.max(queries, keys);
  if (!tokens) return Math.min(48, SIDE / longest);
  return longest > 64 ? Math.max(3, 900 / longest) : Math.min(34, Math.max(14, SIDE / longest));
}

/** The more weight, the more of its colour lies over the picture, which has lost most of its own. */
function overPicture(
  matrix: Matrix,
  scale: WeightScale,
  zeroHidden: boolean,
  theme: Theme,
  layer: PictureLayer,
  mark: HeatmapOptions["mark"],
): Body {
  const { width: w, height: h, href } = checkPicture(layer);
  const factor = Math.min(SIDE / Math.max(w, h), 16);
  const box = { x: EDGE, y: HEADER, width: Math.round(w * factor), height: Math.round(h * factor) };
  const where = `x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" preserveAspectRatio="none"`;
  const cells = cellsPng(matrix, scale, zeroHidden, (level) => place(0.12 + 0.7 * level));
  const body = `<defs><filter id="attention-pale" color-interpolation-filters="sRGB"><feColorMatrix type="saturate" values="0.3"/></filter></defs>
<image ${where} style="image-rendering:${factor > 3 ? "pixelated" : "auto"}" filter="url(#attention-pale)" href="${href}"/>
<image ${where} style="image-rendering:pixelated" href="${cells}"/>
<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" fill="none" ${paint("line", theme)}/>`;
  return { box, body: `${body}${mark ? ring(mark, matrix, box) : ""}`, bottom: HEADER + box.height };
}

/** Around a cell, light in dark: seen over every picture. */
function ring(mark: readonly [number, number], { rows, columns }: Matrix, box: Box): string {
  const [row, column] = [integer("mark[0]", mark[0], 0, rows - 1), integer("mark[1]", mark[1], 0, columns - 1)];
  const [width, height] = [box.width / columns, box.height / rows];
  const circle = `cx="${place(box.x + (column + 0.5) * width)}" cy="${place(box.y + (row + 0.5) * height)}" r="${place(Math.max(width, height, 10) * 0.8)}"`;
  return `
<circle ${circle} fill="none" stroke="#000" stroke-width="5"/>
<circle ${circle} fill="none" stroke="#fff" stroke-width="2.5"/>`;
}
