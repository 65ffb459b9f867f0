// The rules that make builds and threads possible, read from the built modules themselves.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("modules");
const SECTIONS = { start: 8, global: 6, data: 11, element: 9, table: 4, memory: 5 };

/** Section id -> content, of a WebAssembly binary. */
function sections(bytes: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  let at = 8;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const id = bytes[at++]!;
    const size = varint();
    found.set(id, bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}

const exportsOf = (name: string) =>
  WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(`build/${name}.wasm`))).map((e) => e.name);

const BUILDS = ["simd", "relaxed", "simd-threads", "relaxed-threads"];

for (const name of [...BUILDS, ...BUILDS.map((build) => `layers-${build}`)]) {
  test(`${name}: imports memory and nothing else; no data, globals, tables or start function`, () => {
    const bytes = readFileSync(`build/${name}.wasm`);
    const module = new WebAssembly.Module(bytes);
    assert.equal(WebAssembly.Module.imports(module), [{ module: "env", name: "memory", kind: "memory" }]);
    const found = sections(bytes);
    for (const [kind, id] of Object.entries(SECTIONS)) assert.not.ok(found.has(id), `there is a ${kind} section`);
    assert.ok(WebAssembly.Module.exports(module).every(({ kind }) => kind === "function"));
    // Threaded twins export besides what assembly/parallel/workers.ts lists
    const layers = name.startsWith("layers-");
    const extra =
      name.endsWith("-threads") && !layers
        ? ["work", "sleep", "openJob", "takeTiles", "computeTile", "closeJob", "busyWorker", "stopWorkers"]
        : [];
    assert.equal(exportsOf(name).sort(), [...extra, ...exportsOf(layers ? "layers-simd" : "simd")].sort());
  });

  test(`${name}: shared memory exactly in the threaded twin`, () => {
    const shared = name.endsWith("-threads");
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared });
    const module = new WebAssembly.Module(readFileSync(`build/${name}.wasm`));
    assert.ok(new WebAssembly.Instance(module, { env: { memory } }));
    const other = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: !shared });
    assert.throws(() => new WebAssembly.Instance(module, { env: { memory: other } }), /memory/);
  });
}

test("only relaxed builds hold relaxed instructions", () => {
  // 0xfd (SIMD prefix), then 0x100 to 0x113 as LEB128: low byte with the high bit set, then 2
  const relaxed = (name: string) => {
    const code = sections(readFileSync(`build/${name}.wasm`)).get(10)!;
    return code.some((byte, i) => byte === 0xfd && code[i + 1]! >= 0x80 && code[i + 1]! <= 0x93 && code[i + 2] === 2);
  };
  assert.not.ok(relaxed("simd"));
  assert.not.ok(relaxed("simd-threads"));
  assert.ok(relaxed("relaxed"));
  assert.ok(relaxed("relaxed-threads"));
  assert.not.ok(relaxed("layers-simd"));
  assert.ok(relaxed("layers-relaxed"));
});

test.run();
