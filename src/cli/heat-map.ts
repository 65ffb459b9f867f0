// A map of weights as an SVG: the cells as a PNG inside it, axes and a legend around them.
import { ticks } from "d3-array";
import { interpolateMagma } from "d3-scale-chromatic";
import { writePng } from "../formats/png.js";
import type { WeightMap } from "./weight-map.js";
import { enlarged, colourTable, type WeightScale, weightScale } from "./weight-picture.js";

const LEFT = 78;
const TOP = 78;
const LEGEND = 150;
const BOTTOM = 64;
const SIDE = 600;
const INK = "#1f2430";
const FAINT = "#667085";

/** Light where there is little weight, dark where there is much. */
const colourOf = (level: number) => interpolateMagma(1 - 0.94 * level);
const cellColour = colourTable(colourOf);
/** Hidden keys, of weight exactly 0. */
const NOTHING = "#ffffff";

export function heatMapSvg(map: WeightMap, heads: number, batch: number): string {
  const { queries, keys, block, rows, columns, cells, head } = map;
  const scale = weightScale(cells);
  const longest = Math.max(queries, keys);
  const width = Math.max(160, Math.round((SIDE * keys) / longest));
  const height = Math.max(160, Math.round((SIDE * queries) / longest));
  const factor = Math.max(1, Math.ceil(SIDE / Math.max(rows, columns)));
  const picture = enlarged(columns, rows, factor, (x, y) => {
    const weight = cells[y * columns + x]!;
    return weight === 0 ? [255, 255, 255] : cellColour(scale.level(weight));
  });
  const png = Buffer.from(writePng(picture)).toString("base64");
  const where = [heads > 1 ? `head ${head} of ${heads}` : "", batch > 1 ? `batch item 0 of ${batch}` : ""]
    .filter(Boolean)
    .join(", ");
  const subtitle =
    `${queries} ${queries === 1 ? "query" : "queries"} by ${keys} ${keys === 1 ? "key" : "keys"}` +
    (block[0] * block[1] > 1 ? `; each cell is the mean of ${block[0]} by ${block[1]} weights` : "");
  const [totalWidth, totalHeight] = [LEFT + Math.max(width, 400) + LEGEND, TOP + Math.max(height, 220) + BOTTOM];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${totalWidth}" height="${totalHeight}" viewBox="0 0 ${totalWidth} ${totalHeight}" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="${INK}">
<title>Attention weights${where ? `, ${where}` : ""}: ${subtitle}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${LEFT}" y="28" font-size="17" font-weight="600">Attention weights${where ? `, ${where}` : ""}</text>
<text x="${LEFT}" y="47" fill="${FAINT}">${subtitle}</text>
<image x="${LEFT}" y="${TOP}" width="${width}" height="${height}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,${png}"/>
<rect x="${LEFT - 0.5}" y="${TOP - 0.5}" width="${width + 1}" height="${height + 1}" fill="none" stroke="#98a2b3"/>
${axis(keys, width, (at, label) => `<path d="M${LEFT + at} ${TOP + height}v5" stroke="${FAINT}"/><text x="${LEFT + at}" y="${TOP + height + 19}" text-anchor="middle">${label}</text>`)}
${axis(queries, height, (at, label) => `<path d="M${LEFT} ${TOP + at}h-5" stroke="${FAINT}"/><text x="${LEFT - 9}" y="${TOP + at + 4}" text-anchor="end">${label}</text>`)}
<text x="${LEFT + width / 2}" y="${TOP + height + 42}" text-anchor="middle" fill="${FAINT}">key position</text>
<text transform="translate(${LEFT - 52} ${TOP + height / 2}) rotate(-90)" text-anchor="middle" fill="${FAINT}">query position</text>
${legend(scale, LEFT + width + 28, TOP, Math.min(height, 260), cells.includes(0))}
</svg>
`;
}

/** Ticks at the middle of whole positions. */
function axis(size: number, length: number, tick: (at: number, label: string) => string): string {
  const count = Math.max(2, Math.min(8, Math.floor(length / 60)));
  return ticks(0, size, Math.min(count, size))
    .filter((i) => Number.isInteger(i) && i < size)
    .map((i) => tick(round(((i + 0.5) / size) * length), `${i}`))
    .join("");
}

function legend(
  { low, high, logarithmic, level }: WeightScale,
  x: number,
  y: number,
  height: number,
  hidden: boolean,
): string {
  const stops = Array.from(
    { length: 17 },
    (_, i) => `<stop offset="${i / 16}" stop-color="${colourOf(1 - i / 16)}"/>`,
  ).join("");
  const marks = (logarithmic ? powersOfTen(low, high) : ticks(low, high, 5)).map((value) => {
    const at = round(y + height * (1 - level(value)));
    return `<path d="M${x + 16} ${at}h5" stroke="${FAINT}"/><text x="${x + 25}" y="${at + 4}">${Number(value.toPrecision(3))}</text>`;
  });
  const nothing = hidden
    ? `<rect x="${x + 0.5}" y="${y + height + 14.5}" width="15" height="15" fill="${NOTHING}" stroke="#98a2b3"/><text x="${x + 25}" y="${y + height + 26}">0 (hidden)</text>`
    : "";
  return `<defs><linearGradient id="weights" x1="0" y1="0" x2="0" y2="1">${stops}</linearGradient></defs>
<text x="${x}" y="${y - 10}" fill="${FAINT}">weight${logarithmic ? " (log scale)" : ""}</text>
<rect x="${x}" y="${y}" width="16" height="${height}" fill="url(#weights)" stroke="#98a2b3"/>
${marks.join("")}${nothing}`;
}

function powersOfTen(low: number, high: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
}

const round = (value: number) => Math.round(value * 100) / 100;
