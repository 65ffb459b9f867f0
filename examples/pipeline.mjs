// What all pipelines do around their models: `node examples/NAME.mjs [weights.safetensors] [--output folder]`
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { load } from "attention-wasm";
import { loadWeights } from "attention-wasm/layers";

/**
 * Runs the file that was started as a program: makes the model, fills it, and writes the pictures that `show` gives.
 * @param meta import.meta of the pipeline
 * @param makeModel (engine) => model
 * @param byHand (model) => a state_dict, where no file was given
 * @param show (model) => pictures by file name
 */
export async function runAsProgram(meta, makeModel, byHand, show) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== fileURLToPath(meta.url)) return;
  const output = { type: "string", short: "o", default: "attention-output/examples" };
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { output } });
  const engine = await load({ deterministic: true });
  const model = makeModel(engine);
  loadWeights(model, positionals.length > 0 ? readFileSync(positionals[0]) : byHand(model));
  console.log(`weights: ${positionals[0] ?? "made by hand, none of them learned by gradients"}\n`);
  const pictures = show(model);
  mkdirSync(values.output, { recursive: true });
  for (const [name, picture] of Object.entries(pictures)) writeFileSync(`${values.output}/${name}`, picture);
  console.log(`\n${Object.keys(pictures).join(", ")} in ${values.output}`);
  engine.close();
}

/** Rows of weights [n] as one matrix [rows, n], for a map. */
export function matrix(rows) {
  const data = new Float32Array(rows.length * rows[0].length);
  for (const [i, row] of rows.entries()) data.set(row, i * row.length);
  return { data, shape: [rows.length, rows[0].length] };
}
