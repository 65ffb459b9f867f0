// build/cli.js, with everything it needs inside, so that the package itself depends on nothing; their licenses go with it.
import { readdir, readFile } from "node:fs/promises";
import { build } from "esbuild";
import { place } from "./place.mjs";

export async function buildCommandLine(version, common) {
  const { metafile, outputFiles } = await build({
    ...common,
    entryPoints: ["src/cli/main.ts"],
    outfile: "build/cli.js",
    plugins: [...common.plugins, besidePackage(), coloursThatCanBeLeftOut()],
    platform: "node",
    metafile: true,
    minify: true,
    write: false,
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as cjs } from 'node:module';const require = cjs(import.meta.url);",
    },
    define: { VERSION: JSON.stringify(version) },
  });
  await place("build/cli.js", outputFiles[0].contents, 0o755);
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []),
  );
  await place("build/THIRD-PARTY-NOTICES.md", await notices([...packages].sort()));
}

/** The command line uses the package's own bundle, which lies beside it. */
function besidePackage() {
  return {
    name: "beside-package",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "./index.js", external: true }));
    },
  };
}

/** d3-scale-chromatic is one file without side effects that does not say so of its calls: two of its scales are used. */
function coloursThatCanBeLeftOut() {
  return {
    name: "colours-that-can-be-left-out",
    setup({ onLoad }) {
      onLoad({ filter: /node_modules[\\/]d3-scale-chromatic[\\/].*\.m?js$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        const contents = source.replace(
          /^var ([\w$]+) = ((?:new )?[\w$]+\([^;{}]*);$/gm,
          "var $1 = /* @__PURE__ */ (() => $2)();",
        );
        return { contents, loader: "js" };
      });
    },
  };
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
    const shared = license === "Apache-2.0" && terms(text).trim() === own.trim();
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
