// What the page of a report knows: the weights it was given, and what is chosen and pointed at.
import type { ReportData } from "../report.js";

export class Model {
  readonly data: ReportData;
  readonly #weights: Uint16Array;
  layer = 0;
  head = 0;
  /** The cell that is pointed at. */
  row = 0;
  column = 0;
  colors = "viridis";
  logarithmic: boolean;

  constructor(data: ReportData) {
    this.data = data;
    this.logarithmic = data.logarithmic;
    const text = atob(data.weights);
    this.#weights = new Uint16Array(text.length / 2);
    for (let i = 0; i < this.#weights.length; i++) {
      this.#weights[i] = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8);
    }
  }

  weight(row: number, column: number, layer = this.layer, head = this.head): number {
    const { heads, rows, columns, high } = this.data;
    const packed = this.#weights[((layer * heads + head) * rows + row) * columns + column]!;
    return (packed / 65535) ** 4 * high;
  }

  /** 0 to 1: where a weight lies on the scale. */
  level(weight: number): number {
    const { high, low } = this.data;
    if (!this.logarithmic) return weight / high;
    const bottom = this.bottom(low, high);
    return Math.min(1, Math.max(0, Math.log(weight / bottom) / Math.log(high / bottom)));
  }

  /** Where a logarithmic scale begins. */
  bottom(low = this.data.low, high = this.data.high): number {
    return low > 0 ? low : high / 1e4;
  }

  /** Red, green and blue, 0 to 255. */
  rgb(level: number): readonly [number, number, number] {
    const table = this.data.colors[this.colors]!;
    const at = 6 * Math.round(level * 255);
    const part = (from: number) => Number.parseInt(table.slice(at + from, at + from + 2), 16);
    return [part(0), part(2), part(4)];
  }

  name(side: "query" | "key", index: number): string {
    const { block, queries, keys, queryTokens, keyTokens } = this.data;
    const [size, total, tokens] = side === "query" ? [block[0], queries, queryTokens] : [block[1], keys, keyTokens];
    const [first, last] = [index * size, Math.min(total, (index + 1) * size) - 1];
    const where = first === last ? `${first}` : `${first} to ${last}`;
    const token = tokens && (first === last ? tokens[first] : `${tokens[first]} \u2026 ${tokens[last]}`);
    return token ? `${token} (${where})` : `${side} ${where}`;
  }

  short(side: "query" | "key", index: number): string {
    const { block, queryTokens, keyTokens } = this.data;
    const [size, tokens] = side === "query" ? [block[0], queryTokens] : [block[1], keyTokens];
    return tokens?.[index * size] ?? `${index * size}`;
  }
}

export function shortNumber(value: number): string {
  if (value === 0) return "0";
  const digits = Number(value.toPrecision(3));
  return digits < 1e-4 ? digits.toExponential() : `${digits}`;
}
