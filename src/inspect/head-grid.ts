// All heads of all layers at a glance: a row for each layer, a column for each head.
import { choice, knownOptions } from "../checks.js";
import { cellsPng, kindOf } from "./cells.js";
import { headDistance, headEntropy } from "./head-distance.js";
import { checkLayers, type LayerWeights } from "./layers.js";
import { drawLegend, LEGEND_WIDTH } from "./legend.js";
import { coarser, type Matrix, plainMatrix } from "./matrix.js";
import { checkTheme, escapeText, paint, place, svgDocument, textWidth, type Theme } from "./svg.js";
import { SCALE_OPTIONS, type ScaleOptions, shortNumber, weightScale } from "./weight-scale.js";

export interface HeadGridOptions extends ScaleOptions {
  readonly title?: string;
  readonly subtitle?: string;
  /** Which batch item; default 0. */
  readonly batch?: number;
  /** One scale of colours for all (default), or one for each head, which shows patterns but not how strong they are. */
  readonly scalePer?: "grid" | "head";
  readonly theme?: Theme;
}

const HEADER = 88;
const EDGE = 16;
const GAP = 8;

/**
 * @param layers weights of one layer or several, the first layer first: each [B, H, Sq, Sk] or [H, Sq, Sk]
 * @returns an SVG; the tooltip of each head tells its mean distance and entropy
 */
export function headGrid(layers: LayerWeights, options: HeadGridOptions = {}): string {
  knownOptions(options, ["title", "subtitle", "batch", "scalePer", "theme", ...SCALE_OPTIONS]);
  const { scalePer, batch = 0, theme: _, title = "Attention of all heads", subtitle, ...scaling } = options;
  const theme = checkTheme(options.theme);
  const perHead = choice("scalePer", scalePer === undefined ? "grid" : scalePer, ["grid", "head"]) === "head";
  const matrices = headMatrices(layers, batch, 48);
  const heads = matrices[0]!.length;
  const all = matrices.flat();
  const shared = weightScale(Float32Array.from(all.flatMap(({ cells }) => Array.from(cells))), scaling);
  const distance = headDistance(layers).data;
  const entropy = headEntropy(layers).data;

  const side = Math.max(40, Math.min(150, (900 - 60) / heads - GAP));
  const { queries, keys } = all[0]!;
  const longest = Math.max(queries, keys);
  const [width, height] = [Math.max(12, (side * keys) / longest), Math.max(12, (side * queries) / longest)];
  const left = EDGE + 52;
  const parts: string[] = [];
  for (const [l, row] of matrices.entries()) {
    const y = HEADER + l * (height + GAP);
    parts.push(
      `<text x="${left - 10}" y="${place(y + height / 2 + 4)}" text-anchor="end" ${paint("ink", theme)}>layer ${l}</text>`,
    );
    for (const [h, matrix] of row.entries()) {
      const x = left + h * (width + GAP);
      const box = `x="${place(x)}" y="${place(y)}" width="${place(width)}" height="${place(height)}"`;
      const scale = perHead ? weightScale(matrix.cells, scaling) : shared;
      const [far, spread] = [distance[l * heads + h]!, entropy[l * heads + h]!];
      const tip = `layer ${l}, head ${h}: mean distance ${shortNumber(far)} tokens, entropy ${shortNumber(spread)} nats`;
      parts.push(
        `<g><title>${escapeText(tip)}</title><rect ${box} ${paint("none", theme)}/><image ${box} preserveAspectRatio="none" style="image-rendering:pixelated" href="${cellsPng(matrix, scale, scale.low >= 0)}"/></g>`,
      );
    }
  }
  const columns = Array.from({ length: heads }, (_, h) => {
    const text = width < 48 ? `${h}` : `head ${h}`;
    return `<text x="${place(left + h * (width + GAP) + width / 2)}" y="${HEADER - 9}">${text}</text>`;
  });
  const right = left + heads * (width + GAP) - GAP;
  const bottom = HEADER + matrices.length * (height + GAP) - GAP;
  const line =
    subtitle ??
    `${matrices.length} ${matrices.length === 1 ? "layer" : "layers"} of ${heads} ${heads === 1 ? "head" : "heads"}, ` +
      `${queries.toLocaleString("en")} by ${keys.toLocaleString("en")} tokens, queries down, keys to the right${perHead ? "; each head on a scale of its own" : ""}`;
  const hidden = all.some(({ cells }) => Array.from(cells).some((cell) => kindOf(cell, shared.low >= 0) === "hidden"));
  const legend = perHead
    ? ""
    : drawLegend(
        { x: right + 24, y: HEADER, height: Math.min(260, Math.max(bottom - HEADER, 110)) },
        { scale: shared, title: "weight", theme, hidden, broken: false },
      );
  const total = {
    width: Math.max(
      right + (perHead ? EDGE : 24 + LEGEND_WIDTH),
      textWidth(line) + 2 * EDGE,
      textWidth(title) * 1.45 + 2 * EDGE,
    ),
    height: Math.max(bottom, perHead ? 0 : HEADER + 140) + EDGE,
  };
  const body = `<text x="${EDGE}" y="26" font-size="16" font-weight="600" ${paint("ink", theme)}>${escapeText(title)}</text>
<text x="${EDGE}" y="45" ${paint("faint", theme)}>${escapeText(line)}</text>
<g ${paint("faint", theme)} text-anchor="middle">${columns.join("")}</g>
${parts.join("\n")}
${legend}`;
  return svgDocument({ ...total, label: `${title}: ${line}`, theme }, body);
}

/** The heads of each layer as matrices of at most so many rows and columns. */
export function headMatrices(
  layers: LayerWeights,
  batch: number,
  most: number,
  extent?: readonly [queries: number, keys: number],
): Matrix[][] {
  const list = checkLayers(layers);
  return list.map(({ data, heads, queries, keys }) => {
    const size = queries * keys;
    return Array.from({ length: heads }, (_, h) => {
      const from = (batch * heads + h) * size;
      return coarser(
        plainMatrix(
          Float32Array.from({ length: size }, (_, i) => data[from + i]!),
          queries,
          keys,
          extent,
        ),
        most,
        most,
      );
    });
  });
}
