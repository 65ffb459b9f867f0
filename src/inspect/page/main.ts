// The page of a report: reads the data that lies in it and keeps its parts in step. Bundled into report() as text.
import type { ReportData } from "../report.js";
import { headsOf } from "./heads.js";
import { mapOf } from "./map.js";
import { Model, shortNumber } from "./model.js";

const data = JSON.parse(document.getElementById("data")!.textContent!) as ReportData;
const model = new Model(data);
const main = document.getElementById("report")!;

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function choose(text: string, options: readonly string[], chosen: string, onChange: (value: string) => void) {
  const select = element("select", "", ...options.map((value) => new Option(value, value, false, value === chosen)));
  select.addEventListener("change", () => onChange(select.value));
  return { select, label: element("label", "", text, select) };
}

const tip = element("div", "tip");
const map = mapOf(model, tip, () => {
  map.draw();
  showRow();
});
const heads = headsOf(model, showHead);
const keys = () => Array.from({ length: data.columns }, (_, j) => j);
const rows = () => Array.from({ length: data.rows }, (_, i) => i);
const indices = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
const layerChoice = choose("layer", indices(data.layers), "0", (value) => {
  model.layer = Number(value);
  showHead();
});
const headChoice = choose("head", indices(data.heads), "0", (value) => {
  model.head = Number(value);
  showHead();
});
const colourChoice = choose("colours", Object.keys(data.colors), model.colors, (value) => {
  model.colors = value;
  showAll();
});
const scaleChoice = choose(
  "scale",
  ["linear", "logarithmic"],
  model.logarithmic ? "logarithmic" : "linear",
  (value) => {
    model.logarithmic = value === "logarithmic";
    showAll();
  },
);

const title = element("h2");
const facts = element("dl", "facts");
const rowTitle = element("h2");
const bars = element("div", "bars");
const keyTitle = element("h2", "", "Looked at most");
const keyBars = element("div", "bars");
const cell = element("p", "note");
cell.setAttribute("aria-live", "polite");
const legend = element("div", "legend");

/** A bar for each of the `count` largest numbers, with the key it belongs to. */
function showBars(bars: HTMLElement, numbers: readonly number[], count: number): void {
  const top = numbers
    .map((weight, j) => ({ j, weight }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, count);
  const largest = top[0]?.weight ?? 1;
  bars.replaceChildren(
    ...top.flatMap(({ j, weight }) => {
      const bar = element("i");
      bar.style.width = `${(100 * weight) / largest}%`;
      const name = element("b", "", model.name("key", j));
      name.title = name.textContent ?? "";
      return [name, element("span", "", bar), element("u", "", shortNumber(weight))];
    }),
  );
}

/** Weights of the row that is pointed at. */
function showRow(): void {
  rowTitle.textContent = `${model.name("query", model.row)} looks at`;
  showBars(
    bars,
    keys().map((j) => model.weight(model.row, j)),
    12,
  );
  if (!bars.firstChild) bars.replaceChildren("nothing: this query has no key");
  cell.textContent = map.describe();
}

function showHead(): void {
  [layerChoice.select.value, headChoice.select.value] = [`${model.layer}`, `${model.head}`];
  const at = model.layer * data.heads + model.head;
  title.textContent = `Layer ${model.layer}, head ${model.head}`;
  const fact = (name: string, value: string) => element("div", "", element("dt", "", name), element("dd", "", value));
  facts.replaceChildren(...Object.entries(data.measures).map(([name, values]) => fact(name, shortNumber(values[at]!))));
  // The mean over queries of what each key gets
  showBars(
    keyBars,
    keys().map((j) => rows().reduce((sum, i) => sum + model.weight(i, j), 0) / data.rows),
    6,
  );
  heads.mark();
  map.draw();
  showRow();
}

function showLegend(): void {
  const bar = document.createElement("canvas");
  [bar.width, bar.height] = [256, 1];
  const image = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) image.data.set([...model.rgb(i / 255), 255], i * 4);
  bar.getContext("2d")!.putImageData(image, 0, 0);
  const low = model.logarithmic ? shortNumber(model.bottom()) : "0";
  legend.replaceChildren(low, bar, shortNumber(data.high), element("span", "swatch"), "0, hidden");
}

function showAll(): void {
  heads.draw();
  showLegend();
  showHead();
}

const controls = element("div", "controls", layerChoice.label, headChoice.label, colourChoice.label, scaleChoice.label);
main.append(
  element("section", "wide", element("h2", "", "All heads"), heads.grid, legend),
  element("section", "", title, controls, map.canvas, cell),
  element("section", "", facts, rowTitle, bars, keyTitle, keyBars),
  tip,
);
showAll();
window.addEventListener("resize", () => map.draw());
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.draw());
