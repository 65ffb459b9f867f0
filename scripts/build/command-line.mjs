// build/cli.js, with everything it needs inside, so that the package itself depends on nothing.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";
import { place } from "./place.mjs";

/** @returns esbuild's list of what went in */
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
  return { metafile };
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
