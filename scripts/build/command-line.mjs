// build/cli.js, with everything it needs inside, so that the package itself depends on nothing.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { build } from "esbuild";
import { place } from "./place.mjs";

/** Members that the libraries mark as private; the command line's own are private to the language. */
const PRIVATE_MEMBERS = /^_[a-z]/;

/** @returns esbuild's list of what went in */
export async function buildCommandLine(version, common) {
  const { metafile, outputFiles } = await build({
    ...common,
    entryPoints: ["src/cli/main.ts"],
    outfile: "build/cli.js",
    plugins: [...common.plugins, besidePackage(), commanderAsModules()],
    platform: "node",
    metafile: true,
    minify: true,
    mangleProps: PRIVATE_MEMBERS,
    write: false,
    banner: { js: "#!/usr/bin/env node" },
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
      onResolve({ filter: /^\.\.\/(inspect\/)?index\.js$/ }, ({ path }) => {
        return { path: path.includes("inspect") ? "./inspect.js" : "./index.js", external: true };
      });
    },
  };
}

/** commander is CommonJS in a regular style: as ES modules it needs no `require`, and what is not used stays away. */
function commanderAsModules() {
  return {
    name: "commander-as-modules",
    setup({ onLoad, onResolve }) {
      const path = createRequire(import.meta.url).resolve("commander");
      onResolve({ filter: /^commander$/ }, () => ({ path, sideEffects: false }));
      onLoad({ filter: /node_modules[\\/]commander[\\/].*\.js$/ }, async ({ path }) => {
        const contents = (await readFile(path, "utf8"))
          .replace(/^const (.+) = require\((.+)\);$/gm, "import $1 from $2;")
          .replace(/^const (\w+) = require\((.+)\)\.(\w+);$/gm, "import { $3 as $1 } from $2;")
          .replace(/^exports\.(\w+) = ([A-Za-z]\w*);/gm, "export { $2 as $1 };")
          .replace(/^exports\.(\w+) = /gm, "export const $1 = /* @__PURE__ */ ");
        if (/\brequire\(|\bexports\./.test(contents)) throw new Error(`${path}: not the usual CommonJS`);
        return { contents, loader: "js" };
      });
    },
  };
}
