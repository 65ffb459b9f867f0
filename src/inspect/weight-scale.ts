// Numbers as colours: perceptually even scales that people with colour-blindness read too, logarithmic where the weights
// span too much for a linear one.
//
// Sources of the scales: viridis, inferno, magma: S. van der Walt and N. Smith 2015; cividis: Nunez et al. 2018.
import { ticks } from "d3-array";
import { interpolateCividis, interpolateInferno, interpolateMagma, interpolateViridis } from "d3-scale-chromatic";
import { choice } from "../checks.js";
import { show, wrongKind, wrongValue } from "../errors.js";

/** Red, green, blue from 0 to 255. */
export type Rgb = readonly [number, number, number];

/** Each a function from 0 to 1 to CSS. */
export const SCHEMES: Readonly<Record<ColorScheme, (level: number) => string>> = {
  viridis: interpolateViridis,
  cividis: interpolateCividis,
  inferno: interpolateInferno,
  magma: interpolateMagma,
};
export type ColorScheme = "viridis" | "cividis" | "inferno" | "magma";

export interface ScaleOptions {
  /** Default `'viridis'`. */
  readonly colors?: ColorScheme;
  /** Default `'auto'`: logarithmic where the largest weight is more than 20 times the median one. */
  readonly scale?: "auto" | "linear" | "log";
  /** The numbers at both ends of the colours; default: what there is, from 0, and at most five powers of ten. */
  readonly domain?: readonly [low: number, high: number];
}
export const SCALE_OPTIONS = ["colors", "scale", "domain"] as const;

export interface WeightScale {
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
  /** 0 to 1: where a number lies on the scale. */
  level(weight: number): number;
  colour(weight: number): Rgb;
  /** As CSS, of a level. */
  css(level: number): string;
  /** Numbers worth a tick. */
  ticks(count: number): readonly number[];
}

/** A scale for some numbers; those that are not finite do not count. */
export function weightScale(numbers: ArrayLike<number>, options: ScaleOptions = {}): WeightScale {
  const scheme = choice(
    "colors",
    options.colors === undefined ? "viridis" : options.colors,
    Object.keys(SCHEMES) as ColorScheme[],
  );
  const kind = choice("scale", options.scale === undefined ? "auto" : options.scale, ["auto", "linear", "log"]);
  const finite = Float64Array.from(numbers).filter(Number.isFinite);
  const positive = finite.filter((weight) => weight > 0).sort();
  const least = finite.reduce((low, weight) => Math.min(low, weight), 0);
  const top = positive.at(-1) ?? (least < 0 ? 0 : 1);
  const median = positive[positive.length >> 1] ?? top;
  const logarithmic = kind === "log" || (kind === "auto" && least >= 0 && !options.domain && top > 20 * median);
  const [low, high] = options.domain
    ? checkDomain(options.domain, logarithmic)
    : [logarithmic ? Math.max(positive[0] ?? top / 10, top / 1e5) : least, top];
  const place = (weight: number) =>
    logarithmic ? Math.log(weight / low) / Math.log(high / low) : (weight - low) / (high - low);
  const level = (weight: number) =>
    low === high ? Number(weight >= low) : weight <= low ? 0 : Math.min(1, place(weight));
  const table = colourTable(SCHEMES[scheme]);
  return {
    low,
    high,
    logarithmic,
    level,
    colour: (weight) => table(level(weight)),
    css: (at) => hex(table(at)),
    ticks: (count) => {
      if (low === high) return [high];
      return logarithmic ? powersOfTen(low, high) : ticks(low, high, count);
    },
  };
}

/** The powers of ten in between, or the ends and the middle where there are fewer than two. */
function powersOfTen(low: number, high: number): readonly number[] {
  // A little more, so that rounding loses neither end
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  if (last <= first) return [low, Math.sqrt(low * high), high];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
}

function checkDomain(domain: readonly [number, number], logarithmic: boolean): readonly [number, number] {
  if (!Array.isArray(domain) || domain.length !== 2 || !domain.every(Number.isFinite)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `domain must be [low, high]: got ${show(domain)}`);
  }
  if (!(domain[0]! < domain[1]!) || (logarithmic && domain[0]! <= 0)) {
    const rule = logarithmic ? "rise and be above 0 for a logarithmic scale" : "rise";
    throw wrongValue("ERR_VALUE", `domain must ${rule}: got ${show(domain)}`);
  }
  return domain as readonly [number, number];
}

/** In words, for the line that goes with a picture. */
export function describeScale({ low, high, logarithmic }: WeightScale): string {
  const number = (value: number) => (value === 0 ? "0" : value < 0.001 ? value.toExponential(1) : value.toPrecision(2));
  return `dark ${number(low)} to bright ${number(high)}, ${logarithmic ? "logarithmic" : "linear"}`;
}

/** A number as short as it says something. */
export function shortNumber(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return `${value}`;
  const digits = Number(value.toPrecision(3));
  return Math.abs(digits) < 1e-4 || Math.abs(digits) >= 1e6 ? digits.toExponential() : `${digits}`;
}

/** A scale of colours from 0 to 1 in 256 steps, as red, green and blue. */
export function colourTable(css: (level: number) => string): (level: number) => Rgb {
  const table = new Map<number, Rgb>();
  return (level) => {
    const step = Math.round(level * 255);
    const known = table.get(step) ?? rgbOf(css(step / 255));
    table.set(step, known);
    return known;
  };
}

/** "#rrggbb" or "rgb(r, g, b)" as three numbers */
function rgbOf(css: string): Rgb {
  if (css.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16)) as unknown as Rgb;
  return css.match(/\d+/g)!.slice(0, 3).map(Number) as unknown as Rgb;
}

export function hex(rgb: Rgb): string {
  return `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}
