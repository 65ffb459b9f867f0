// The map of weights that attention-wasm run draws: as an SVG and as characters for the terminal.
import type { AttentionOptions, Engine } from "../index.js";
import { InputError } from "./failure.js";
import { heatMapSvg } from "./heat-map.js";
import { type RunInputs, sizesOf } from "./run-inputs.js";
import { asciiShades, halfBlocks, hasColour, Progress, terminalColumns } from "./terminal.js";
import { coarser, collectWeights, type WeightMap } from "./weight-map.js";
import { weightScale } from "./weight-picture.js";

/** Refuses a map that would have nothing to show. */
export function checkMap(inputs: RunInputs, { layout }: AttentionOptions, head: number): void {
  const { heads } = sizesOf(inputs, layout);
  if (inputs.query.data.length === 0 || inputs.key.data.length === 0) {
    throw new InputError("--map needs at least one query and one key");
  }
  if (head >= heads) throw new InputError(`--map-head must be below the number of heads, ${heads}: got ${head}`);
}

export function drawMap(engine: Engine, inputs: RunInputs, options: AttentionOptions, head: number) {
  const { heads, batch } = sizesOf(inputs, options.layout);
  const progress = new Progress("drawing");
  try {
    const map = collectWeights(engine, inputs, options, head, (share) => progress.update(share));
    return { svg: heatMapSvg(map, heads, batch), text: terminalMap(map) };
  } finally {
    progress.end();
  }
}

/** Queries down, keys to the right; a brighter cell has more weight. */
function terminalMap(map: WeightMap): string {
  const colour = hasColour();
  const small = coarser(map, colour ? 64 : 32, terminalColumns(64));
  const scale = weightScale(small.cells);
  const weight = (x: number, y: number) => small.cells[y * small.columns + x]!;
  const title = `weights of head ${map.head}: queries down, keys to the right\n`;
  if (colour)
    return (
      title +
      halfBlocks(small.columns, small.rows, (x, y) => (weight(x, y) === 0 ? [0, 0, 0] : scale.colour(weight(x, y))))
    );
  return (
    title +
    asciiShades(small.columns, small.rows, (x, y) => (weight(x, y) === 0 ? 0 : 0.1 + 0.9 * scale.level(weight(x, y))))
  );
}
