// The page of a report (src/inspect/page) as text inside the bundles: its script, bundled and minified, and its style.
import { build } from "esbuild";

/** esbuild plugin for the module `attention-wasm-page:report`, which exports `script` and `style`. */
export function reportPage() {
  const namespace = "attention-wasm-page";
  return {
    name: namespace,
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^attention-wasm-page:report$/ }, ({ path }) => ({ path, namespace, sideEffects: false }));
      onLoad({ filter: /./, namespace }, async () => {
        const [script, style] = await Promise.all(["main.ts", "report.css"].map(bundled));
        // What ends a script element may not stand in one
        const contents = `export const script = ${JSON.stringify(script.replace(/<\//g, "<\\/"))};
export const style = ${JSON.stringify(style)};`;
        return { contents, loader: "js" };
      });
    },
  };
}

async function bundled(file) {
  const { outputFiles } = await build({
    entryPoints: [`src/inspect/page/${file}`],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0].text.trim();
}
