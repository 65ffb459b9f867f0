// What attention-wasm run shows of the weights: a map of one head as an SVG and in the terminal, a report of all heads.
import type { AttentionOptions, Engine } from "../index.js";
import { heatmap, report, terminalMap } from "../inspect/index.js";
import { InputError } from "./failure.js";
import { type RunInputs, sizesOf } from "./run-inputs.js";
import { hasColour, Progress, terminalColumns } from "./terminal.js";
import { readTokens, type TokenNames } from "./tokens.js";
import { collectWeights } from "./weight-map.js";

export interface MapFlags {
  readonly map?: string;
  readonly mapHead?: number;
  readonly report?: string;
  readonly tokens?: string;
}

export interface Maps {
  readonly svg?: string;
  readonly html?: string;
  /** What the terminal shows. */
  readonly text: string;
}

/** Most rows or columns of a head in a report: of as many heads as there are usually. */
const REPORT_CELLS = 256;

/** Refuses maps that would have nothing to show; reads the names of tokens. */
export function checkMaps(inputs: RunInputs, { layout }: AttentionOptions, flags: MapFlags): TokenNames {
  const { heads, queries, keys } = sizesOf(inputs, layout);
  const asked = flags.map === undefined ? "--report" : "--map";
  if (flags.map === undefined && flags.report === undefined) return {};
  if (inputs.query.data.length === 0 || inputs.key.data.length === 0) {
    throw new InputError(`${asked} needs at least one query and one key`);
  }
  if ((flags.mapHead ?? 0) >= heads) {
    throw new InputError(`--map-head must be below the number of heads, ${heads}: got ${flags.mapHead}`);
  }
  return flags.tokens === undefined ? {} : readTokens(flags.tokens, queries, keys);
}

export function drawMaps(
  engine: Engine,
  inputs: RunInputs,
  options: AttentionOptions,
  flags: MapFlags,
  tokens: TokenNames,
): Maps {
  const { heads, batch, queries, keys } = sizesOf(inputs, options.layout);
  const extent = [queries, keys] as const;
  const where = batch > 1 ? `batch item 0 of ${batch}` : "";
  const steps = (flags.map === undefined ? 0 : 1) + (flags.report === undefined ? 0 : heads);
  const progress = new Progress("drawing");
  let done = 0;
  const collect = (head: number, most?: number) => {
    const show = (share: number) => progress.update((done + share) / steps);
    const { cells, rows, columns } = collectWeights(engine, inputs, options, head, show, most);
    done++;
    return { data: cells, shape: [rows, columns] };
  };
  try {
    let maps: Maps = { text: "" };
    if (flags.map !== undefined) {
      const head = flags.mapHead ?? 0;
      const weights = collect(head);
      const what = ["Attention weights", heads > 1 ? `head ${head} of ${heads}` : "", where].filter(Boolean).join(", ");
      const colour = hasColour();
      const drawn = terminalMap(weights, { columns: terminalColumns(64), color: colour });
      maps = {
        svg: heatmap(weights, { ...tokens, extent, title: what }),
        text: `weights of head ${head}: queries down, keys to the right\n${drawn}`,
      };
    }
    if (flags.report !== undefined) {
      const all = Array.from({ length: heads }, (_, head) => collect(head, REPORT_CELLS));
      const [rows, columns] = all[0]!.shape as [number, number];
      const data = new Float32Array(heads * rows * columns);
      for (const [head, { data: cells }] of all.entries()) data.set(cells, head * rows * columns);
      const title = `Attention weights${where ? `, ${where}` : ""}`;
      const exact = rows === queries && columns === keys;
      const html = report({ data, shape: [heads, rows, columns] }, { ...tokens, title, ...(!exact && { extent }) });
      maps = { ...maps, html };
    }
    return maps;
  } finally {
    progress.end();
  }
}
