// build/THIRD-PARTY-NOTICES.md: the licenses of what the bundles have inside.
import { readdir, readFile } from "node:fs/promises";
import { place } from "./place.mjs";

/** @param metafiles esbuild's lists of what went into each bundle */
export async function buildNotices(metafiles) {
  const inputs = metafiles.flatMap(({ outputs }) => Object.values(outputs).map((output) => output.inputs));
  const packages = new Set(
    inputs
      .flatMap((input) => Object.entries(input).filter(([, { bytesInOutput }]) => bytesInOutput > 0))
      .flatMap(([path]) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []),
  );
  await place("build/THIRD-PARTY-NOTICES.md", await notices([...packages].sort()));
}

/** License texts of packages, each text once: with the packages it holds for and what they say on copyright. */
async function notices(packages) {
  const terms = (text) => text.slice(0, text.search(/END OF TERMS/) >>> 0).replace(/\s+/g, " ");
  const own = terms(await readFile("LICENSE", "utf8"));
  const texts = new Map();
  for (const name of packages) {
    const folder = `node_modules/${name}`;
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const { license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const text = file ? (await readFile(`${folder}/${file}`, "utf8")).trim() : license;
    const shared = license === "Apache-2.0" && (!file || terms(text).trim() === own.trim());
    const isCopyright = (line) => /^copyright/i.test(line.trim());
    const lines = text.split("\n");
    const body = shared
      ? "The text is in this package's LICENSE."
      : lines.filter((line) => !isCopyright(line)).join("\n");
    const key = body.replace(/\s+/g, " ").trim();
    const entry = texts.get(key) ?? { body: body.trim().replace(/\n{3,}/g, "\n\n"), about: [] };
    const copyright = shared ? [] : lines.filter(isCopyright).map((line) => line.trim());
    entry.about.push(`# ${name} (${license})`, "", ...copyright.flatMap((line) => [line, ""]));
    texts.set(key, entry);
  }
  return [...texts.values()].map(({ about, body }) => `${about.join("\n")}\n${body}\n`).join("\n\n");
}
