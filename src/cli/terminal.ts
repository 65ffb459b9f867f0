// What the terminal shows: progress, and numbers a person can read.

/** How the program was started, for the lines that say what to do next. */
export const PROGRAM = process.env["npm_lifecycle_event"] === "start" ? "npm start --" : "attention-wasm";
/** The same without arguments. */
export const PROGRAM_ALONE = PROGRAM.replace(/ --$/, "");

/** Characters beside each other, at most so many; some terminals report 0 or 1, which is no width. */
export function terminalColumns(most: number): number {
  const reported = process.stdout.columns ?? 0;
  return Math.min(most, (reported < 10 ? 80 : reported) - 2);
}

/** Colours the terminal can show. */
export function hasColour(): boolean {
  return process.stdout.isTTY === true && !process.env["NO_COLOR"] && process.stdout.getColorDepth() >= 24;
}

/** One line on stderr that is overwritten; nothing where stderr is no terminal. */
export class Progress {
  readonly #start = performance.now();
  readonly #label: string;
  #shown = 0;

  constructor(label: string) {
    this.#label = label;
  }

  /** `share` from 0 to 1 */
  update(share: number): void {
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.#shown < 100) return;
    this.#shown = now;
    const bar = "#".repeat(Math.floor(share * 30)).padEnd(30, ".");
    const left = share > 0 ? ((now - this.#start) / 1000) * (1 / share - 1) : 0;
    process.stderr.write(`\r\x1b[K${this.#label} [${bar}] ${Math.floor(share * 100)}%, ${seconds(left)} left`);
  }

  end(): void {
    if (this.#shown > 0) process.stderr.write("\r\x1b[K");
  }
}

export function seconds(value: number): string {
  if (value >= 90) return `${Math.round(value / 60)} min`;
  return value >= 1 ? `${value.toFixed(value < 10 ? 2 : 1)} s` : `${(value * 1000).toFixed(value < 0.01 ? 2 : 0)} ms`;
}

/** Decimal units: 1 MB is 1,000,000 bytes. */
export function bytes(value: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  const unit = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const amount = value / 1000 ** unit;
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toPrecision(3)} ${units[unit]}`;
}

/** Lines of "name  value", the values under each other. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join("");
}
