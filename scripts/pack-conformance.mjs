// Packs the torch cases that the tests use into test/conformance/torch.zip, without gradients: `node scripts/pack-conformance.mjs`.
// The same input gives the same bytes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { zipSync } from "fflate";

const SOURCE = join(process.env.CONFORMANCE_DIR ?? "../shared/conformance", "torch");
const TARGET = "test/conformance/torch.zip";
/** ZIP stores local time without a zone: this is the same in all of them. */
const MTIME = new Date(1980, 0, 1);

const { outputFiles } = await build({
  entryPoints: ["test/conformance/selection.ts"],
  bundle: true,
  format: "esm",
  write: false,
});
const selection = Buffer.from(outputFiles[0].contents).toString("base64");
const { belongsToTorch } = await import(`data:text/javascript;base64,${selection}`);

const isGradient = (tensor) => tensor?.role === "grad" || tensor?.role === "grad_output";
const files = {};
const index = JSON.parse(readFileSync(join(SOURCE, "index.json"), "utf8")).filter(belongsToTorch);
for (const { name } of index) {
  const folder = join(SOURCE, name);
  const { crossChecks: _, provenance: __, ...whole } = JSON.parse(readFileSync(join(folder, "case.json"), "utf8"));
  const inputs = whole.inputs.filter((tensor) => !isGradient(tensor));
  const outputs = whole.outputs.filter((tensor) => !isGradient(tensor));
  const gradients = whole.outputs.length - outputs.length;
  const trimmed = { ...whole, inputs, outputs, gradients };
  files[`${name}/case.json`] = Buffer.from(`${JSON.stringify(trimmed)}\n`);
  for (const tensor of [...inputs, ...outputs]) {
    if (tensor) files[`${name}/${tensor.file}`] = readFileSync(join(folder, tensor.file));
  }
}
files["index.json"] = Buffer.from(`${JSON.stringify(index)}\n`);

const zip = zipSync(files, { level: 9, mtime: MTIME });
writeFileSync(TARGET, zip);
console.log(`${TARGET}: ${index.length} cases, ${zip.length} bytes`);
