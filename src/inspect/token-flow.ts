// Lines between tokens, from each query to the keys it attends to: the more weight, the stronger the line.
//
// Source: the head view of BertViz (Vig 2019, "A multiscale visualization of attention in the transformer model",
// section 3). Colours of heads: Okabe and Ito 2008, told apart by people with colour-blindness too.
import { integer, knownOptions } from "../checks.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { checkTokens } from "./axis.js";
import { checkNumbers, type Numbers } from "./numbers.js";
import { checkTheme, escapeText, paint, place, shortened, svgDocument, textWidth, type Theme } from "./svg.js";
import { shortNumber } from "./weight-scale.js";

export interface TokenFlowOptions {
  /** What queries and keys are, where both are the same tokens. */
  readonly tokens?: readonly string[];
  readonly queryTokens?: readonly string[];
  readonly keyTokens?: readonly string[];
  /** Which heads; default: all up to seven, as many as there are colours, else the first seven. */
  readonly heads?: readonly number[];
  readonly batch?: number;
  /** Only the lines of this query. */
  readonly query?: number;
  /** Lines of less weight are left out; default 0.02. */
  readonly minimumWeight?: number;
  readonly title?: string;
  readonly subtitle?: string;
  readonly theme?: Theme;
}

const OPTIONS = [
  ...["tokens", "queryTokens", "keyTokens", "heads", "batch", "query", "minimumWeight", "title", "subtitle", "theme"],
];
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#b8a800"];
/** More are a grey mass, and slow. */
const MOST_LINES = 4000;
const ROW = 20;
const EDGE = 16;
const SPAN = 230;

interface Line {
  readonly head: number;
  readonly query: number;
  readonly key: number;
  readonly weight: number;
}

/**
 * @param weights [Sq, Sk], [H, Sq, Sk] or [B, H, Sq, Sk]
 * @returns an SVG; where it is part of a page, or opened by itself, pointing at a query hides the lines of the others
 */
export function tokenFlow(weights: Numbers, options: TokenFlowOptions = {}): string {
  knownOptions(options, OPTIONS);
  const { data, shape } = checkNumbers("weights", weights, [2, 3, 4]);
  const [keys, queries, count = 1, items = 1] = [...shape].reverse() as [number, number, number?, number?];
  if (data.length === 0) throw wrongValue("ERR_SHAPE", `weights must not be empty: got [${shape.join(", ")}]`);
  const theme = checkTheme(options.theme);
  const batch = integer("batch", options.batch ?? 0, 0, items - 1);
  const heads = checkHeads(options.heads, count);
  const least = options.minimumWeight ?? 0.02;
  if (!(least >= 0)) throw wrongValue("ERR_VALUE", `minimumWeight must be at least 0: got ${show(least)}`);
  const only = options.query === undefined ? undefined : integer("query", options.query, 0, queries - 1);
  const same = queries === keys ? options.tokens : undefined;
  if (options.tokens && queries !== keys) {
    throw wrongValue(
      "ERR_SHAPE",
      `tokens must be queryTokens and keyTokens where there are ${queries} queries and ${keys} keys`,
    );
  }
  const names = (name: string, own: readonly string[] | undefined, size: number) =>
    checkTokens(name, own, size) ?? checkTokens("tokens", same, size) ?? Array.from({ length: size }, (_, i) => `${i}`);
  const queryTokens = names("queryTokens", options.queryTokens, queries);
  const keyTokens = names("keyTokens", options.keyTokens, keys);

  const found: Line[] = [];
  for (const head of heads) {
    for (let query = only ?? 0; query < (only === undefined ? queries : only + 1); query++) {
      const from = ((batch * count + head) * queries + query) * keys;
      for (let key = 0; key < keys; key++) {
        const weight = data[from + key]!;
        if (weight >= least && weight > 0) found.push({ head, query, key, weight });
      }
    }
  }
  const lines = found.length > MOST_LINES ? found.sort((a, b) => b.weight - a.weight).slice(0, MOST_LINES) : found;
  const left =
    (found.length > MOST_LINES ? `the strongest ${MOST_LINES.toLocaleString("en")} of ` : "") +
    `${found.length.toLocaleString("en")} lines`;
  const some = heads.length < count ? `${heads.length === 1 ? "head" : "heads"} ${heads.join(", ")} of ${count}; ` : "";
  const subtitle = options.subtitle ?? `${some}${left} of weight ${shortNumber(least)} or more`;
  return draw(lines, {
    heads,
    queryTokens,
    keyTokens,
    subtitle,
    theme,
    title: options.title ?? "Where each token looks",
  });
}

function checkHeads(heads: readonly number[] | undefined, count: number): readonly number[] {
  if (heads === undefined) return Array.from({ length: Math.min(count, PALETTE.length) }, (_, h) => h);
  if (!Array.isArray(heads))
    throw wrongKind("ERR_ARGUMENT_TYPE", `heads must be an array of integers: got ${show(heads)}`);
  return heads.map((head, i) => integer(`heads[${i}]`, head, 0, count - 1));
}

interface Scene {
  readonly heads: readonly number[];
  readonly queryTokens: readonly string[];
  readonly keyTokens: readonly string[];
  readonly title: string;
  readonly subtitle: string;
  readonly theme: Theme;
}

function draw(lines: readonly Line[], { heads, queryTokens, keyTokens, title, subtitle, theme }: Scene): string {
  const shown = (tokens: readonly string[]) => tokens.map((token) => (token === "" ? '""' : shortened(token, 150)));
  const [sources, targets] = [shown(queryTokens), shown(keyTokens)];
  const widest = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, textWidth(text)), 30);
  const several = heads.length > 1;
  const top = several ? 106 : 86;
  const x0 = EDGE + widest(sources) + 10;
  const x1 = x0 + SPAN;
  const y = (i: number) => top + i * ROW + ROW / 2;
  const colour = (head: number) =>
    several ? `stroke="${PALETTE[heads.indexOf(head) % PALETTE.length]}"` : paint("accent", theme);
  const groups = sources.map((token, query) => {
    const own = lines.filter((line) => line.query === query);
    const strands = own.map(({ head, key, weight }) => {
      const tip = `${several ? `head ${head}: ` : ""}query ${query} ${queryTokens[query]} \u2192 key ${key} ${keyTokens[key]}: ${shortNumber(weight)}`;
      const middle = x0 + SPAN / 2;
      // Heads beside each other, so that none covers the others
      const shift = several ? ((heads.indexOf(head) + 0.5) / heads.length - 0.5) * (ROW - 6) : 0;
      const [y0, y1] = [place(y(query) + shift), place(y(key) + shift)];
      // Opacity tells the weight, width helps where lines cross; neither ever is nothing
      const strength = `stroke-opacity="${place(0.08 + 0.92 * Math.min(1, weight))}" stroke-width="${place(1 + 2 * Math.min(1, weight))}"`;
      return `<path d="M${place(x0)} ${y0}C${place(middle)} ${y0} ${place(middle)} ${y1} ${place(x1)} ${y1}" ${colour(head)} ${strength}><title>${escapeText(tip)}</title></path>`;
    });
    const label = `<rect x="${EDGE - 6}" y="${y(query) - ROW / 2}" width="${place(x0 - EDGE + 6)}" height="${ROW}" fill-opacity="0"/><text x="${place(x0 - 8)}" y="${y(query) + 4}" text-anchor="end" stroke="none" ${paint("ink", theme)}>${escapeText(token)}</text>`;
    return `<g class="attention-query">${label}<g fill="none">${strands.join("")}</g></g>`;
  });
  const ends = targets.map((token, key) => `<text x="${place(x1 + 8)}" y="${y(key) + 4}">${escapeText(token)}</text>`);
  let at = EDGE;
  const legend = several
    ? heads.map((head) => {
        const text = `head ${head}`;
        const entry = `<path d="M${place(at)} 66h14" stroke-width="4" ${colour(head)}/><text x="${place(at + 20)}" y="70" ${paint("ink", theme)}>${text}</text>`;
        at += textWidth(text) + 40;
        return entry;
      })
    : [];
  const width = Math.max(
    x1 + widest(targets) + 10 + EDGE,
    at,
    textWidth(title) * 1.45 + 2 * EDGE,
    textWidth(subtitle) + 2 * EDGE,
  );
  const height = top + Math.max(sources.length, targets.length) * ROW + EDGE;
  const hover =
    ".attention-flow:has(.attention-query:hover) .attention-query:not(:hover) path{stroke-opacity:.03}.attention-query:hover text{font-weight:600}";
  const body = `<text x="${EDGE}" y="26" font-size="16" font-weight="600" ${paint("ink", theme)}>${escapeText(title)}</text>
<text x="${EDGE}" y="45" ${paint("faint", theme)}>${escapeText(subtitle)}</text>
${legend.join("")}
<g ${paint("faint", theme)}><text x="${place(x0 - 8)}" y="${top - 6}" text-anchor="end">query</text><text x="${place(x1 + 8)}" y="${top - 6}">key</text></g>
<g class="attention-flow">${groups.join("\n")}</g>
<g ${paint("ink", theme)}>${ends.join("")}</g>`;
  return svgDocument({ width, height, label: `${title}: ${subtitle}`, theme, style: hover }, body);
}
