// JavaScriptCore's shell: `jsc -m jsc.mjs -- BUNDLE MODULES NAME`. It has neither console nor text encoding; the tests,
// which read JSON from bytes, are given a decoder after the bundle, with the package in it, has been evaluated without.
const [bundle, modules, runtime] = globalThis.arguments;
globalThis.console ??= { log: print };

try {
  const { run } = await import(`${bundle}/bundle.mjs`);
  globalThis.TextDecoder ??= class {
    decode(bytes) {
      return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
    }
  };
  const load = (name) => new WebAssembly.Module(readFile(`${modules}/${name}.wasm`, "binary"));
  print(JSON.stringify(await run({ runtime, load })));
} catch (error) {
  print(`${error}\n${error.stack}`);
  quit(1);
}
