// JavaScriptCore's shell: `jsc -m jsc.mjs -- BUNDLE MODULES NAME PACKAGE`. It has no console and no TextDecoder. The
// package must be imported without; only then the tests, which read files of text, are lent one.
const [bundle, modules, runtime, published] = globalThis.arguments;
globalThis.console ??= { log: print };

class Decoder {
  decode(bytes) {
    return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
  }
}

try {
  await import(published);
  globalThis.TextDecoder ??= Decoder;
  const { run } = await import(`${bundle}/bundle.mjs`);
  const load = (name) => new WebAssembly.Module(readFile(`${modules}/${name}.wasm`, "binary"));
  print(JSON.stringify(await run({ runtime, load })));
} catch (error) {
  print(`${error}\n${error.stack}`);
  quit(1);
}
