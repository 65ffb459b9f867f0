// docs/performance.md, .svg and .json: the document and its plot are made of the numbers in the JSON and nothing else.
import { writeFileSync } from "node:fs";
import { documentOf } from "./markdown.mjs";
import { plotOf } from "./plot.mjs";

const STEM = "docs/performance";

/** Writes all three; their paths. */
export async function writeDocuments(measured) {
  const run = rounded(measured);
  const texts = { svg: await plotOf(run), md: documentOf(run), json: `${JSON.stringify(run)}\n` };
  for (const [kind, text] of Object.entries(texts)) writeFileSync(`${STEM}.${kind}`, text);
  return Object.keys(texts).map((kind) => `${STEM}.${kind}`);
}

/** Five digits that count are more than any clock gives. */
function rounded(run) {
  return JSON.parse(
    JSON.stringify(run, (_, value) =>
      typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value,
    ),
  );
}
