// d3-scale-chromatic without the scales that nobody uses.
import { readFile } from "node:fs/promises";

/** esbuild plugin: the package is one file without side effects that does not say so of its calls. */
export function coloursThatCanBeLeftOut() {
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
