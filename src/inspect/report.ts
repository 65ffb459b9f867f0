// One HTML file with everything inside: heads to choose from, a map with tooltips, lines from the token that is pointed
// at. It loads nothing and may load nothing: its policy forbids the network.
import { script, style } from "attention-wasm-page:report";
import { integer, knownOptions } from "../checks.js";
import { wrongValue } from "../errors.js";
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
}

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
  /** [layers * heads] each */
  readonly measures: { readonly distance: number[]; readonly entropy: number[]; readonly confidence: number[] };
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
  knownOptions(options, ["title", "subtitle", "tokens", "queryTokens", "keyTokens", "batch"]);
  const list = checkLayers(layers);
  const [{ batch: items, heads, queries, keys }] = list;
  const batch = integer("batch", options.batch ?? 0, 0, items - 1);
  const side = Math.max(8, Math.min(MOST_SIDE, Math.floor(Math.sqrt(MOST_CELLS / (list.length * heads)))));
  const measures = [headDistance(layers), headEntropy(layers), headConfidence(layers)].map(({ data }) =>
    Array.from(data),
  );
  return reportOf(headMatrices(layers, batch, side), measures as [number[], number[], number[]], {
    ...options,
    subtitle:
      options.subtitle ??
      `${list.length} ${list.length === 1 ? "layer" : "layers"}, ${heads} ${heads === 1 ? "head" : "heads"}, ${queries.toLocaleString("en")} queries by ${keys.toLocaleString("en")} keys`,
  });
}

/** The same of matrices that are coarse already: [layers][heads], with distance, entropy and confidence of each. */
export function reportOf(
  matrices: readonly (readonly Matrix[])[],
  [distance, entropy, confidence]: readonly [number[], number[], number[]],
  options: ReportOptions,
): string {
  const { rows, columns, queries, keys, block } = matrices[0]![0]!;
  const heads = matrices[0]!.length;
  if (options.tokens && queries !== keys) {
    throw wrongValue(
      "ERR_SHAPE",
      `tokens must be queryTokens and keyTokens where there are ${queries} queries and ${keys} keys`,
    );
  }
  const tokens = (name: string, own: readonly string[] | undefined, size: number) => {
    const found = checkTokens(name, own, size) ?? checkTokens("tokens", options.tokens, size);
    return found?.map((token) => (token === "" ? '""' : visible(token))) ?? null;
  };
  const cells = new Float32Array(matrices.length * heads * rows * columns);
  for (const [i, matrix] of matrices.flat().entries()) cells.set(matrix.cells, i * rows * columns);
  const { low, high, logarithmic } = weightScale(cells);
  const data: ReportData = {
    layers: matrices.length,
    heads,
    rows,
    columns,
    queries,
    keys,
    block,
    queryTokens: tokens("queryTokens", options.queryTokens, queries),
    keyTokens: tokens("keyTokens", options.keyTokens, keys),
    measures: { distance, entropy, confidence },
    weights: packed(cells, high),
    high,
    low,
    logarithmic,
    colors: Object.fromEntries(
      Object.entries(SCHEMES).map(([name, css]) => {
        const table = colourTable(css);
        return [name, Array.from({ length: 256 }, (_, i) => hex(table(i / 255)).slice(1)).join("")];
      }),
    ),
  };
  const title = escapeText(options.title ?? "Attention report");
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
<header><h1>${title}</h1><p>${escapeText(options.subtitle ?? "")}</p></header>
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
