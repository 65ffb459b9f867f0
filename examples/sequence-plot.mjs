// A series as a line, the weight of each of its values as a bar, and two levels: an SVG, light or dark as the page is.
const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [760, 360, 56, 72, 744, 322];
const STYLE = `text{font:12px system-ui,sans-serif;fill:#667085}.title{font-size:16px;font-weight:600;fill:#1d2433}
.line{fill:none;stroke:#1d2433;stroke-width:1.5}.bar{fill:#d55e00;opacity:.75}.level{stroke:#0072b2;stroke-width:2.5}
.grid{stroke:#d0d5dd}.name{fill:#0072b2}.weight{fill:#d55e00}
@media(prefers-color-scheme:dark){text{fill:#98a2b3}.title{fill:#eceff4}.line{stroke:#eceff4}.grid{stroke:#3a4150}
.bar,.weight{fill:#e69f00}.level{stroke:#56b4e9}.name{fill:#56b4e9}}`;

/** @param first the year of the first value; @param when the index of the largest weight; @param levels before and after it */
export function plot({ values, first, weights, when, levels }) {
  const most = Math.ceil(Math.max(...values) / 200) * 200;
  const x = (i) => LEFT + ((i + 0.5) * (RIGHT - LEFT)) / values.length;
  const y = (value) => BOTTOM - (value * (BOTTOM - TOP)) / most;
  const at = (number) => number.toFixed(1);
  const peak = weights[when];
  const bars = Array.from(weights, (weight, i) => {
    const height = ((BOTTOM - TOP) * weight) / peak;
    const title = `<title>${first + i}: weight ${weight.toFixed(3)}</title>`;
    return `<rect class="bar" x="${at(x(i) - 2.5)}" y="${at(BOTTOM - height)}" width="5" height="${at(height)}">${title}</rect>`;
  });
  const grid = Array.from({ length: most / 200 + 1 }, (_, i) => {
    const tick = at(y(200 * i));
    return `<path class="grid" d="M${LEFT} ${tick}H${RIGHT}"/><text x="${LEFT - 8}" y="${tick}" dy="4" text-anchor="end">${200 * i}</text>`;
  });
  const years = values.flatMap((_, i) =>
    (first + i) % 10 === 0 ? `<text x="${at(x(i))}" y="${BOTTOM + 18}" text-anchor="middle">${first + i}</text>` : [],
  );
  const sides = [
    [LEFT, x(when)],
    [x(when), RIGHT],
  ];
  const level = sides.map(([from, to], i) => `<path class="level" d="M${at(from)} ${at(y(levels[i]))}H${at(to)}"/>`);
  const line = `<polyline class="line" points="${values.map((value, i) => `${at(x(i))},${at(y(value))}`).join(" ")}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>The series, where attention pooling looked, and the levels it brought back</title>
<style>${STYLE}</style>
<text class="title" x="16" y="26">When did the level of the Nile change?</text>
<text x="16" y="46">Flow at Aswan, 10⁸ m³ a year; <tspan class="weight">weights of attention pooling, ${peak.toFixed(2)} in ${first + when}</tspan>; <tspan class="name">levels read from the context: ${levels.join(" and ")}</tspan></text>
${[...grid, ...years, ...bars, line, ...level].join("\n")}
</svg>
`;
}
