// What all pictures share: text that cannot break out of its place, and colours that follow the page's light or dark.
import { choice } from "../checks.js";

/** `'auto'` follows the page or the reader's system; the others are what they say everywhere. */
export type Theme = "auto" | "light" | "dark";

/** What is drawn in the colours of the theme; each can be set by a CSS variable of the page, `--attention-ink` and so on. */
const ROLES = {
  /** Text. */
  ink: { property: "fill", light: "#1b2130", dark: "#e7eaf1" },
  /** Text of less weight. */
  faint: { property: "fill", light: "#586173", dark: "#a3acbd" },
  /** Ticks and frames. */
  line: { property: "stroke", light: "#a9b2c1", dark: "#566176" },
  ground: { property: "fill", light: "#ffffff", dark: "#12151c" },
  /** Cells with nothing in them: hidden keys. */
  none: { property: "fill", light: "#edf0f4", dark: "#252b37" },
  /** Lines between tokens of one head alone. */
  accent: { property: "stroke", light: "#0b6bb8", dark: "#63b3f2" },
} as const;
export type Role = keyof typeof ROLES;

/** Attributes that paint an element in a role: what any reader of SVG understands, and a class for those who know CSS. */
export function paint(role: Role, theme: Theme): string {
  const { property, light, dark } = ROLES[role];
  const colour = `${property}="${theme === "dark" ? dark : light}"`;
  return theme === "auto" ? `class="attention-${role}" ${colour}` : colour;
}

export function checkTheme(theme: unknown): Theme {
  return choice("theme", theme === undefined ? "auto" : theme, ["auto", "light", "dark"]);
}

const RULES = (["light", "dark"] as const)
  .map((mode) => {
    const rules = Object.entries(ROLES).map(
      ([role, { property, [mode]: colour }]) => `.attention-${role}{${property}:var(--attention-${role},${colour})}`,
    );
    return mode === "light" ? rules.join("") : `@media (prefers-color-scheme:dark){${rules.join("")}}`;
  })
  .join("");

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** What a reader who cannot see the picture is told. */
  readonly label: string;
  readonly theme: Theme;
  readonly style?: string;
}

/** A whole SVG, which shrinks with what it stands in. */
export function svgDocument({ width, height, label, theme, style = "" }: Drawing, body: string): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  const rules = (theme === "auto" ? RULES : "") + style;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img" aria-label="${escapeText(label)}" font-family="system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif" font-size="12" style="max-width:100%;height:auto">
${rules ? `<style>${rules}</style>\n` : ""}<rect width="${w}" height="${h}" ${paint("ground", theme)}/>
${body}
</svg>
`;
}

/** Controls that turn the direction of text: a token could make the words after it read backwards. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text as a token is shown: on one line, control characters as their pictures, what XML cannot hold as U+FFFD, spaces
 * at the ends visible.
 */
export function visible(text: string): string {
  const clean = text
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(TURNING, "\ufffd")
    .replace(/[\ufffe\uffff]/g, "\ufffd")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
    .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u2028\u2029]/g, "\ufffd");
  return clean.replace(/^ +| +$/g, (spaces) => "\u2423".repeat(spaces.length));
}

/** Text and attribute values alike, of XML and HTML. */
export function escapeText(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return visible(text).replace(/[&<>"']/g, (c) => entities[c]!);
}

/** About how wide text is at a font size of 12; nothing here can measure it. */
export function textWidth(text: string): number {
  let width = 0;
  for (const c of text)
    width += isWide(c.codePointAt(0)!)
      ? 12.5
      : /[iljtfrI.,:;'|! ]/.test(c)
        ? 4.2
        : /[mwMW@%\u2423]/.test(c)
          ? 10.6
          : 7.2;
  return width;
}

/** Characters of East Asian scripts and emoji. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xff00 && code <= 0xff60) ||
    code >= 0x1f300
  );
}

/** Text cut to at most so many pixels, with an ellipsis where something is missing. */
export function shortened(text: string, most: number): string {
  const shown = visible(text);
  if (textWidth(shown) <= most) return shown;
  let cut = "";
  for (const c of shown) {
    if (textWidth(`${cut}${c}\u2026`) > most) break;
    cut += c;
  }
  return `${cut}\u2026`;
}

/** A coordinate with as many digits as anybody sees. */
export const place = (value: number): number => Math.round(value * 100) / 100;
