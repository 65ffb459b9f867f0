// build/cli.js, with everything it needs inside, so that the package itself depends on nothing.
import { build } from "esbuild";
import { place } from "./place.mjs";

/** @returns esbuild's list of what went in */
export async function buildCommandLine(version, common) {
  const { metafile, outputFiles } = await build({
    ...common,
    entryPoints: ["src/cli/main.ts"],
    outfile: "build/cli.js",
    plugins: [...common.plugins, besidePackage()],
    platform: "node",
    metafile: true,
    minify: true,
    write: false,
    // commander is CommonJS
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
      onResolve({ filter: /^\.\.\/(inspect\/)?index\.js$/ }, ({ path }) => {
        return { path: path.includes("inspect") ? "./inspect.js" : "./index.js", external: true };
      });
    },
  };
}
