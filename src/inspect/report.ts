// One HTML file with everything inside: heads to choose from, a map with tooltips, lines from the token that is pointed
// at. It loads nothing and may load nothing: its policy forbids the network.
import { script, style } from "attention-wasm-page:report";
import { integer, knownOptions } from "../checks.js";
import { show, wrongValue } from "../errors.js";
import { checkTokens } from "./axis.js";
import { headConfidence, headDistance, headEntropy } from "./head-distance.js";
import { headMatrices } from "./head-grid.js";
import { checkLayers, type LayerWeights } from "./layers.js";
import type { Matrix } from "./matrix.js";
import { escapeText, visible } from "./svg.js";
import { colourTable, hex, SCHEMES, weightScale } from "./weight-scale.js";

export interface ReportOptions {
  readonly title?: string;
  /** A line below the title. */
  readonly subtitle?: string;
  /** What queries and keys are, where both are the same tokens. */
  readonly tokens?: readonly string[];
  readonly queryTokens?: readonly string[];
  readonly keyTokens?: readonly string[];
  /** Which batch item; default 0. */
  readonly batch?: number;
  /** The weights are means: of matrices of so many queries and keys. */
  readonly extent?: readonly [queries: number, keys: number];
  /** Numbers to tell of each head, [layers * H], by their names; default: distance, entropy, keys in effect, largest weight. */
  readonly measures?: Readonly<Record<string, ArrayLike<number>>>;
}
const OPTIONS = ["title", "subtitle", "tokens", "queryTokens", "keyTokens", "batch", "extent", "measures"];

/** Cells that a report takes with it: 2 bytes each. */
const MOST_CELLS = 3_000_000;
/** Most rows or columns of one head. */
const MOST_SIDE = 320;

/** What the page's script reads. */
export interface ReportData {
  readonly layers: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly queries: number;
  readonly keys: number;
  readonly block: readonly [number, number];
  readonly queryTokens: readonly string[] | null;
  readonly keyTokens: readonly string[] | null;
  /** [layers * heads] each, by what they are called */
  readonly measures: Readonly<Record<string, readonly number[]>>;
  /** Base64 of uint16 [layers, heads, rows, columns]: weight = (n / 65535)^4 * high */
  readonly weights: string;
  readonly high: number;
  readonly low: number;
  readonly logarithmic: boolean;
  /** 256 colours of each scale, six hexadecimal digits each */
  readonly colors: Record<string, string>;
}

/**
 * @param layers weights of one layer or several, the first layer first: each [B, H, Sq, Sk], [H, Sq, Sk] or [Sq, Sk]; long
 *   sequences become means of blocks
 * @returns an HTML document
 */
export function report(layers: LayerWeights, options: ReportOptions = {}): string {
  knownOptions(options, OPTIONS);
  const list = checkLayers(layers);
  const [{ batch: items, heads }] = list;
  const batch = integer("batch", options.batch ?? 0, 0, items - 1);
  const side = Math.max(8, Math.min(MOST_SIDE, Math.floor(Math.sqrt(MOST_CELLS / (list.length * heads)))));
  const matrices = headMatrices(layers, batch, side, options.extent);
  const { queries, keys } = matrices[0]![0]!;
  const tokens = (name: "queryTokens" | "keyTokens", size: number) => {
    const found = checkTokens(name, options[name], size) ?? checkTokens("tokens", options.tokens, size);
    return found?.map((token) => (token === "" ? '""' : visible(token))) ?? null;
  };
  if (options.tokens && queries !== keys) {
    throw wrongValue(
      "ERR_SHAPE",
      `tokens must be queryTokens and keyTokens where there are ${queries} queries and ${keys} keys`,
    );
  }
  const data = {
    ...describeCells(matrices),
    queryTokens: tokens("queryTokens", queries),
    keyTokens: tokens("keyTokens", keys),
    measures: options.measures
      ? checkMeasures(options.measures, list.length * heads)
      : options.extent
        ? {}
        : measuresOf(layers),
    colors: Object.fromEntries(
      Object.entries(SCHEMES).map(([name, css]) => {
        const table = colourTable(css);
        return [name, Array.from({ length: 256 }, (_, i) => hex(table(i / 255)).slice(1)).join("")];
      }),
    ),
  } satisfies ReportData;
  const count = (n: number, one: string, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
  const size = `${count(list.length, "layer")}, ${count(heads, "head")}, ${count(queries, "query", "queries")} by ${count(keys, "key")}`;
  return page(options.title ?? "Attention report", options.subtitle ?? size, data);
}

/** What a report tells of each head unless it is told otherwise. */
function measuresOf(layers: LayerWeights): Record<string, number[]> {
  const entropy = Array.from(headEntropy(layers).data);
  return {
    "mean distance, tokens": Array.from(headDistance(layers).data),
    "entropy, nats": entropy,
    "keys in effect": entropy.map(Math.exp),
    "largest weight, mean": Array.from(headConfidence(layers).data),
  };
}

function checkMeasures(measures: Readonly<Record<string, ArrayLike<number>>>, heads: number): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(measures).map(([name, values]) => {
      const list = Array.from(values);
      if (list.length !== heads || !list.every(Number.isFinite)) {
        throw wrongValue("ERR_SHAPE", `measures[${show(name)}] must have a finite number for each of ${heads} heads`);
      }
      return [visible(name), list];
    }),
  );
}

function describeCells(matrices: readonly (readonly Matrix[])[]) {
  const { rows, columns, queries, keys, block } = matrices[0]![0]!;
  const heads = matrices[0]!.length;
  const cells = new Float32Array(matrices.length * heads * rows * columns);
  for (const [i, matrix] of matrices.flat().entries()) cells.set(matrix.cells, i * rows * columns);
  const { low, high, logarithmic } = weightScale(cells);
  const size = { layers: matrices.length, heads, rows, columns, queries, keys, block };
  return { ...size, weights: packed(cells, high), low, high, logarithmic };
}

function page(titleText: string, subtitle: string, data: ReportData): string {
  const title = escapeText(titleText);
  // "<" cannot stand in a script, whatever the tokens say
  const json = JSON.stringify(data).replace(/</g, "\\u003c");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header><h1>${title}</h1><p>${escapeText(subtitle)}</p></header>
<noscript><p>This report needs JavaScript. The functions heatmap, headGrid and tokenFlow of attention-wasm draw pictures that need none.</p></noscript>
<main id="report"></main>
<script type="application/json" id="data">${json}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** The fourth root takes the bits to where small weights differ: three digits down to a hundred-millionth of the largest. */
function packed(cells: Float32Array, high: number): string {
  const bytes = new Uint8Array(cells.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < cells.length; i++) {
    const packed = Math.round(Math.max(0, cells[i]! / high) ** 0.25 * 65535);
    // What is not hidden stays so, however small
    view.setUint16(2 * i, cells[i]! > 0 ? Math.max(1, packed) : 0, true);
  }
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
