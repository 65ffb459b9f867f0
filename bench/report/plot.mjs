// docs/performance.svg: a dot per engine and workload, at the share of the machine's limit it reaches. Drawn by Observable Plot,
// in colours that follow the reader's preference for light or dark.
import { PEERS, requirePeer } from "../engines/peers.mjs";
import { installPeers } from "../harness/peers.mjs";
import { bestOf, digits, figures, limitOf, rateOf, unitOf } from "./figures.mjs";

const WORKLOADS = ["W1", "W2", "W3", "W4", "W4-kv8", "W7", "W7-causal", "W5", "W5-kv8"];

/** Who is drawn: for a peer with several ways, the fastest of them. */
const SERIES = [
  { title: "attention-wasm, relaxed SIMD", colour: "ours", of: ({ name }) => name === "relaxed" },
  { title: "attention-wasm, SIMD", colour: "simd", of: ({ name }) => name === "simd" },
  { title: "onnxruntime-web", colour: "ort", of: ({ name }) => name.startsWith("ort-web") },
  { title: "tfjs-backend-wasm", colour: "tfjs", of: ({ name }) => name.startsWith("tfjs") },
  { title: "plain JavaScript", colour: "plain", of: ({ name }) => name === "plain" },
  { title: "onnxruntime-node, native", colour: "native", of: ({ family }) => family === "native", hollow: true },
];

/** [light, dark] */
const COLOURS = {
  paper: ["#ffffff", "#0d1117"],
  ink: ["#1f2328", "#e6edf3"],
  faint: ["#656d76", "#8d96a0"],
  rule: ["#d8dee4", "#30363d"],
  ours: ["#0969da", "#58a6ff"],
  simd: ["#54aeff", "#1f6feb"],
  ort: ["#bc4c00", "#f0883e"],
  tfjs: ["#8250df", "#bc8cff"],
  plain: ["#9a6700", "#d4a72c"],
  native: ["#57606a", "#adbac7"],
};

const WIDTH = 900;
const MARGIN = { left: 212, right: 108, top: 132, bottom: 56 };
const ROW = 42;
/** Series in a line of the legend, and pixels each takes. */
const LEGEND = { columns: 3, width: 250 };

/** The points of the plot: { workload, title, colour, share, rate, unit, hollow }. */
export function pointsOf(run) {
  const drawn = run.workloads.filter(({ id }) => WORKLOADS.includes(id));
  drawn.sort((a, b) => WORKLOADS.indexOf(a.id) - WORKLOADS.indexOf(b.id));
  return drawn.flatMap((workload) =>
    SERIES.flatMap(({ title, colour, of, hollow = false }) => {
      const best = bestOf(workload, "resident", of);
      if (!best) return [];
      const rate = rateOf(workload, best.median);
      const { share } = figures(workload, best.name, "resident");
      return [
        {
          id: workload.id,
          workload: workload.title,
          title,
          colour,
          hollow,
          share,
          rate,
          unit: unitOf(workload),
          limit: limitOf(workload).median,
        },
      ];
    }),
  );
}

export async function plotOf(run) {
  installPeers();
  const { parseHTML } = requirePeer("linkedom");
  const Plot = await import(`${PEERS}/node_modules/@observablehq/plot/src/index.js`);
  const { document } = parseHTML("<html><body></body></html>");
  const points = pointsOf(run);
  const rows = [...new Set(points.map(({ id }) => id))];
  const titles = new Map(points.map(({ id, workload }) => [id, workload]));
  const most = Math.max(1, ...points.map(({ share }) => share));
  const spans = rows.map((id) => {
    const shares = points.filter((point) => point.id === id).map(({ share }) => share);
    return { id, from: Math.min(...shares), to: Math.max(...shares) };
  });
  const own = points.filter(({ colour }) => colour === "ours");
  const colour = ({ colour }) => `var(--${colour})`;
  const dots = { x: "share", y: "id", r: 6 };
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height: MARGIN.top + MARGIN.bottom + ROW * rows.length,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    x: { domain: [0, Math.ceil(most * 5) / 5], label: null },
    y: { domain: rows, label: null, padding: 0.5 },
    marks: [
      Plot.axisX({
        tickFormat: (x) => `${Math.round(x * 100)} %`,
        ticks: 8,
        fill: "var(--faint)",
        stroke: "var(--rule)",
        tickSize: 0,
        fontSize: 12,
      }),
      Plot.gridX({ stroke: "var(--rule)", strokeOpacity: 1, ticks: 8 }),
      Plot.axisY({ fill: "var(--ink)", tickSize: 0, fontSize: 12.5, fontWeight: 600, dy: -8 }),
      Plot.axisY({ fill: "var(--faint)", tickSize: 0, fontSize: 11, dy: 7, tickFormat: (id) => titles.get(id) }),
      Plot.ruleX([1], { stroke: "var(--ink)", strokeWidth: 1.5, strokeDasharray: "5 4" }),
      Plot.ruleY(spans, {
        y: "id",
        x1: "from",
        x2: "to",
        stroke: "var(--rule)",
        strokeWidth: 4,
        strokeLinecap: "round",
      }),
      Plot.dot(
        points.filter(({ hollow }) => hollow),
        { ...dots, fill: "var(--paper)", stroke: colour, strokeWidth: 2 },
      ),
      Plot.dot(
        points.filter(({ hollow, colour }) => !hollow && colour !== "ours"),
        { ...dots, fill: colour, stroke: "var(--paper)" },
      ),
      Plot.dot(own, { ...dots, r: 7.5, fill: colour, stroke: "var(--paper)" }),
      Plot.text(own, {
        frameAnchor: "right",
        y: "id",
        dx: MARGIN.right - 8,
        text: ({ rate, unit }) => `${digits(rate)} ${unit}`,
        fill: "var(--ours)",
        fontSize: 11.5,
        fontWeight: 600,
      }),
    ],
  });
  return finish(svg.outerHTML, run, rows.length);
}

/** What a picture needs and a plot does not: its own background, title, legend, and colours for both themes. */
function finish(drawn, { machine, date, title }, rows) {
  const height = MARGIN.top + MARGIN.bottom + ROW * rows;
  const root = (theme) =>
    Object.entries(COLOURS)
      .map(([name, pair]) => `--${name}:${pair[theme]};`)
      .join("");
  const style = `<style>:root{${root(0)}color-scheme:light dark}@media (prefers-color-scheme:dark){:root{${root(1)}}}
text{font-family:ui-sans-serif,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;white-space:pre}</style>`;
  const caption = "Share of what the machine can do, one core, resident tensors (medians)";
  const parts = [
    `<rect width="${WIDTH}" height="${height}" rx="8" fill="var(--paper)"/>`,
    text(20, 32, caption, { fill: "ink", size: 17, weight: 600 }),
    text(
      20,
      53,
      `${title}, ${machine.cpu}, ${date.slice(0, 10)}. Farther right is faster; numbers at the right are those of attention-wasm, relaxed SIMD.`,
      { fill: "faint", size: 12 },
    ),
    ...legend(),
    text(
      MARGIN.left,
      height - 12,
      "W1 to W7: of the multiply-add peak in WebAssembly. W5, decoding: of the read bandwidth.",
      { fill: "faint", size: 12 },
    ),
  ];
  const inner = drawn.slice(drawn.indexOf(">") + 1).replace(/<style>[\s\S]*?<\/style>/, "");
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${caption}" font-size="12" text-anchor="middle" fill="none">`;
  return `${open}\n${style}\n${parts.join("\n")}\n${inner}\n`;
}

function legend() {
  return SERIES.flatMap(({ title, colour, hollow }, i) => {
    const paint = hollow ? `fill="var(--paper)" stroke="var(--${colour})" stroke-width="2"` : `fill="var(--${colour})"`;
    const x = 20 + (i % LEGEND.columns) * LEGEND.width;
    const y = 80 + Math.floor(i / LEGEND.columns) * 22;
    return [
      `<circle cx="${x + 6}" cy="${y}" r="6" ${paint}/>`,
      text(x + 20, y + 4.5, title, { fill: "ink", size: 12.5 }),
    ];
  });
}

const text = (x, y, words, { fill, size, weight = 400 }) =>
  `<text x="${x}" y="${y}" fill="var(--${fill})" font-size="${size}" font-weight="${weight}" text-anchor="start">${escaped(words)}</text>`;

const escaped = (words) => words.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
