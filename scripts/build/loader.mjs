// @assemblyscript/loader without what it does for strings, arrays and classes of AssemblyScript: our kernels export none, and
// import nothing but their memory (test/modules.test.ts holds them to it). The loader is one file in which nothing tells
// a bundler that those parts can be left out; here the calls of them go, and the bundler drops the rest (docs/decisions/0007-loader.md).
// Only the published bundles are made so: the tests run the loader as it is.
import { readFile } from "node:fs/promises";

/** What of the loader's source is replaced, and by what. */
const REPLACED = [
  // Offers abort, trace, seed, Math and Date to modules that import them
  ["const extended = preInstantiate(imports);", ""],
  // Wraps the instance's exports; we call the instance's own
  ["const exports = postInstantiate(extended, instance);", ""],
  ["return { module, instance, exports };", "return { module, instance };"],
  // For strings and names of classes; jsc has no TextDecoder, and nothing may happen at import
  ["= new TextDecoder(", "= /* @__PURE__ */ new TextDecoder("],
  ["Object.hasOwn = Object.hasOwn || function", "const hasOwn = function"],
];

/** esbuild plugin */
export function loaderWithoutManagedObjects() {
  return {
    name: "loader-without-managed-objects",
    setup({ onLoad }) {
      onLoad({ filter: /@assemblyscript[\\/]loader[\\/]index\.js$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const [text, replacement] of REPLACED) {
          if (!contents.includes(text)) throw new Error(`@assemblyscript/loader has changed, it has no "${text}"`);
          contents = contents.replaceAll(text, replacement);
        }
        return { contents, loader: "js" };
      });
    },
  };
}
