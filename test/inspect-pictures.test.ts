// Pictures: the same text as the references that were looked at (test/inspect/*.svg; UPDATE_PICTURES=1 writes them anew, to
// be looked at again), well-formed whatever the tokens hold, colours that rise evenly.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { headGrid, heatmap, terminalMap, tokenFlow } from "../src/inspect/index.js";
import { weightScale } from "../src/inspect/weight-scale.js";
import { exampleWeights, SCENES } from "./inspect/scenes.js";
import { checkWellFormed } from "./inspect/well-formed.js";

const test = suite("inspect-pictures");
const array = (shape: number[], ...data: number[]) => ({ data: Float32Array.from(data), shape });

for (const [name, draw] of Object.entries(SCENES)) {
  test(`reference: ${name}`, () => {
    const path = `test/inspect/${name}.svg`;
    const svg = draw();
    checkWellFormed(svg);
    if (process.env["UPDATE_PICTURES"]) {
      mkdirSync("test/inspect", { recursive: true });
      writeFileSync(path, svg);
    }
    assert.ok(existsSync(path), `${path} is missing`);
    assert.ok(readFileSync(path, "utf8") === svg, `${path} is another picture: look at it with UPDATE_PICTURES=1`);
  });
}

/** What breaks out of text, attributes, styles, comments and CDATA, turns text around, or is no character of XML. */
const HOSTILE = [
  "</text><script>alert(1)</script>",
  '"/><image href="http://x"/>',
  "'><b>",
  "]]>",
  "<!--",
  "&lt;&#0;",
  "}</style><style>*{",
  "\u0000\u0008\u001f\u007f",
  "\ud800",
  "\udc00x",
  "\ufffe\uffff",
  "\u202eabc\u2066",
  "",
  "   ",
  "\n\t",
  "a".repeat(5000),
  "😀👩‍👩‍👧",
  "漢字".repeat(40),
];

test("hostile tokens and titles stay text", () => {
  const n = HOSTILE.length;
  const weights = array([1, n, n], ...Array.from({ length: n * n }, (_, i) => (i % 7) / 7));
  for (const evil of HOSTILE) {
    for (const svg of [
      heatmap(weights, {
        tokens: HOSTILE,
        title: evil,
        subtitle: evil,
        queryTitle: evil,
        keyTitle: evil,
        legendTitle: evil,
      }),
      tokenFlow(weights, { tokens: HOSTILE, title: evil, subtitle: evil }),
      headGrid(weights, { title: evil, subtitle: evil }),
    ]) {
      const { elements } = checkWellFormed(svg);
      const known = ["svg", "style", "rect", "text", "title", "g", "path", "image", "defs", "linearGradient", "stop"];
      assert.equal(
        [...elements].filter((name) => !known.includes(name)),
        [],
      );
      assert.not.match(svg, /href="(?!data:)/);
      assert.not.match(svg, /[\u202a-\u202e\u2066-\u2069]/);
    }
  }
});

test("nothing is loaded: pictures by address are refused", () => {
  const picture = { width: 1, height: 1, href: "https://example.com/a.png" };
  assert.throws(() => heatmap(array([1, 1], 1), { picture }), /data URL/);
  assert.throws(
    () => heatmap(array([1, 1], 1), { picture: { ...picture, href: 'data:image/png;base64,"/><script>' } }),
    /data URL/,
  );
  checkWellFormed(heatmap(array([1, 1], 1), { picture: { ...picture, href: "data:image/png;base64,AAAA" } }));
});

test("every scale rises evenly in lightness, from dark to bright", () => {
  // CIE L* of sRGB
  const lightness = (rgb: readonly number[]) => {
    const [r, g, b] = rgb.map((value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    const y = 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    return y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y;
  };
  for (const colors of ["viridis", "cividis", "inferno", "magma"] as const) {
    const scale = weightScale([0, 1], { colors, scale: "linear" });
    const steps = Array.from({ length: 33 }, (_, i) => lightness(scale.colour(i / 32)));
    const rises = steps.slice(1).map((value, i) => value - steps[i]!);
    const even = (steps.at(-1)! - steps[0]!) / 32;
    assert.ok(
      rises.every((rise) => rise > 0.3 * even && rise < 1.8 * even),
      `${colors}: ${rises.map((x) => x.toFixed(1))}`,
    );
  }
});

test("scales: linear, logarithmic where weights span much, with a domain, and of odd numbers", () => {
  const linear = weightScale([0, 0.5, 1]);
  assert.equal([linear.logarithmic, linear.low, linear.high, linear.level(0.5)], [false, 0, 1, 0.5]);
  const spread = weightScale([0, 1e-3, 1e-3, 1e-3, 1]);
  assert.equal([spread.logarithmic, spread.low, spread.level(1)], [true, 1e-3, 1]);
  assert.ok(Math.abs(spread.level(Math.sqrt(1e-3)) - 0.5) < 1e-9);
  assert.is(weightScale([1e-12, 1e-12, 1], {}).low, 1e-5);
  const chosen = weightScale([0, 9], { domain: [2, 4] });
  assert.equal([chosen.level(1), chosen.level(3), chosen.level(9)], [0, 0.5, 1]);
  for (const numbers of [[], [0], [0, 0], [Number.NaN], [-1, -1], [5], [-3, 2], [Infinity, -Infinity, 1]]) {
    for (const scale of ["auto", "linear", "log"] as const) {
      const made = weightScale(numbers, { scale });
      for (const x of [...numbers, 0, 1]) {
        const level = made.level(x);
        assert.ok((level >= 0 && level <= 1) || Number.isNaN(x), `${numbers}, ${scale}: level(${x}) is ${level}`);
      }
      assert.ok(made.ticks(4).every(Number.isFinite));
    }
  }
});

test("a cell over a picture is marked by a ring around its middle", () => {
  const picture = { width: 8, height: 4, data: new Uint8Array(8 * 4 * 3) };
  const svg = heatmap(array([2, 4], 1, 1, 1, 1, 2, 2, 2, 2), { picture, mark: [1, 2] });
  checkWellFormed(svg);
  const box = /<image x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1).map(Number);
  const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map((match) => match.slice(1).map(Number));
  const [x, y, width, height] = box as [number, number, number, number];
  const middle = [x + (2.5 * width) / 4, y + (1.5 * height) / 2];
  assert.equal(circles, [middle, middle]);
  assert.throws(
    () => heatmap(array([2, 4], 1, 1, 1, 1, 2, 2, 2, 2), { picture, mark: [2, 0] }),
    /^mark\[0\] must be an integer from 0 to 1/,
  );
  assert.throws(() => heatmap(array([2, 4], 1, 1, 1, 1, 2, 2, 2, 2), { mark: [0, 0] }), /^mark belongs to picture/);
});

test("every shape gives a picture: one cell, one row, one column, thousands", () => {
  for (const [rows, columns] of [
    [1, 1],
    [1, 50],
    [50, 1],
    [1, 3000],
    [3000, 2],
    [41, 40],
    [1500, 1500],
  ] as const) {
    const weights = { data: new Float32Array(rows * columns).fill(1 / columns), shape: [rows, columns] };
    const svg = heatmap(weights);
    checkWellFormed(svg);
    assert.ok(svg.length < 400_000, `${rows} x ${columns}: ${svg.length} characters`);
    if (rows === 3000) assert.match(svg, /each cell is the mean of 3 by 1 weights/);
  }
});

test("a light or dark picture says so without a style sheet; an automatic one has both", () => {
  const weights = array([1, 1], 1);
  assert.match(heatmap(weights), /prefers-color-scheme:dark/);
  assert.match(heatmap(weights), /var\(--attention-ink,/);
  assert.not.match(heatmap(weights, { theme: "dark" }), /<style|class=/);
  assert.is(heatmap(weights, { theme: "dark" }) === heatmap(weights, { theme: "light" }), false);
});

test("tooltips tell query, key and weight", () => {
  const svg = heatmap(array([2, 2], 1, 0, 0.25, 0.75), { tokens: ["a", "b"] });
  assert.match(svg, /<title>query 1 b → key 0 a: 0.25<\/title>/);
  assert.match(
    tokenFlow(array([2, 2], 1, 0, 0.25, 0.75), { tokens: ["a", "b"] }),
    /<title>query 1 b → key 0 a: 0.25<\/title>/,
  );
});

test("token flow: lines of one query, of chosen heads, the strongest where there are too many", () => {
  const weights = exampleWeights(12);
  const lines = (svg: string) => svg.match(/<path d="M[^"]*C/g)?.length ?? 0;
  assert.is(lines(tokenFlow(weights, { heads: [1], minimumWeight: 0 })), (12 * 13) / 2);
  assert.is(lines(tokenFlow(weights, { heads: [1], query: 4, minimumWeight: 0 })), 5);
  const many = tokenFlow({ data: new Float32Array(100 * 100).fill(0.01), shape: [100, 100] }, { minimumWeight: 0 });
  assert.is(lines(many), 4000);
  assert.match(many, /the strongest 4,000 of 10,000 lines/);
});

test("terminal maps: colours by escape sequences, or ASCII", () => {
  const weights = array([2, 3], 1, 0, 0, 0.5, 0.25, 0.25);
  assert.is(terminalMap(weights, { color: false }), "@  \n+--\n");
  const coloured = terminalMap(weights);
  assert.is(coloured.split("\n").length, 2);
  assert.ok(coloured.startsWith("\u001b[38;2;253;231;37m"));
});

const REFUSED: [string, () => unknown, RegExp][] = [
  ["no weights", () => heatmap(undefined as never), /^weights must be a Tensor or \{ data, shape \}/],
  ["empty", () => heatmap({ data: [], shape: [0, 3] }), /^weights must not be empty/],
  ["head", () => heatmap(exampleWeights(), { head: 4 }), /^head must be an integer from 0 to 3: got 4$/],
  [
    "tokens",
    () => heatmap(array([1, 1], 1), { tokens: ["a", "b"] }),
    /^tokens must have one string for each of 1 positions: got 2$/,
  ],
  [
    "tokens of two sides",
    () => heatmap(array([1, 2], 1, 0), { tokens: ["a"] }),
    /^tokens must be queryTokens and keyTokens/,
  ],
  [
    "numbers as tokens",
    () => heatmap(array([1, 1], 1), { tokens: [1] as never }),
    /^tokens must be an array of strings/,
  ],
  ["colours", () => heatmap(array([1, 1], 1), { colors: "jet" as never }), /^colors must be 'viridis'/],
  ["domain", () => heatmap(array([1, 1], 1), { domain: [1, 0] }), /^domain must rise/],
  ["domain of logarithms", () => heatmap(array([1, 1], 1), { domain: [0, 1], scale: "log" }), /above 0/],
  ["theme", () => heatmap(array([1, 1], 1), { theme: "sepia" as never }), /^theme must be/],
  [
    "pixels",
    () => heatmap(array([1, 1], 1), { picture: { width: 2, height: 2, data: new Uint8Array(5) } }),
    /^picture.data must have 1, 3 or 4 bytes/,
  ],
  ["option", () => headGrid(array([1, 1], 1), { color: "x" } as never), /there is no option 'color'/],
  ["query", () => tokenFlow(array([1, 1], 1), { query: 1 }), /^query must be an integer from 0 to 0: got 1$/],
];
for (const [name, call, message] of REFUSED) {
  test(`refused: ${name}`, () =>
    assert.throws(call, (error: Error & { code?: string }) => message.test(error.message) && error.code !== undefined));
}

test.run();
