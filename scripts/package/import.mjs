// The package as Node gives it: import, require, nothing done at import, errors that name the cause, the command line.
import { arch } from "node:os";
import { join } from "node:path";
import { attended, check, expect } from "./checks.mjs";
import { consumer, run } from "./workplace.mjs";

const OPERATIONS = ["attention-wasm/onnx", "attention-wasm/inspect", "attention-wasm/layers"];
const ENTRIES = ["attention-wasm", "attention-wasm/slim", "attention-wasm/threads", ...OPERATIONS];

/** Runs a script of a consumer; what it prints is JSON. */
async function script(name, text, flags = [], env = {}) {
  const folder = await consumer({ [name]: text });
  const { stdout, stderr } = await run(process.execPath, [...flags, name], { cwd: folder, env });
  expect(stderr === "", stderr);
  return JSON.parse(stdout);
}

const main = (load, options = "") => `
import { attend } from "./attend.js";
import * as entry from "${load}";
${options}
console.log(JSON.stringify(await attend(entry, typeof given === "undefined" ? undefined : given)));`;

check("Node: import", async () => attended(await script("main.js", main("attention-wasm"))));

check("Node: import slim, bytes handed over", async () => {
  const read = `import { readFile } from "node:fs/promises";
    const given = { module: await readFile(new URL(import.meta.resolve("attention-wasm/simd.wasm"))) };`;
  return attended(await script("main.js", main("attention-wasm/slim", read)));
});

check("Node: import threads", async () => {
  const result = await script("main.js", main("attention-wasm/threads", "const given = { threads: 2 };"));
  expect(result.threads === 2, JSON.stringify(result));
  return attended(result);
});

check("Node: import onnx", async () => {
  const result = await script(
    "main.js",
    `import { load } from "attention-wasm";
     import { Attention } from "attention-wasm/onnx";
     const engine = await load();
     const x = { data: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)), shape: [1, 1, 3, 4] };
     const [output] = Attention(engine, [x, x, x], { is_causal: 1 });
     const want = engine.attention(x, x, x, { causal: true }).output;
     console.log(JSON.stringify({ same: want.data.every((y, i) => y === output.data[i]) }));`,
  );
  expect(result.same, "the ONNX operator gives something else");
});

for (const entry of ["attention-wasm", "attention-wasm/threads"]) {
  check(`Node: import layers beside ${entry}`, async () => {
    const options = entry.endsWith("threads") ? ", { threads: 2 }" : "";
    const result = await script(
      "main.js",
      `import { layer } from "./layer.js";
       import * as entry from "${entry}";
       import * as layers from "attention-wasm/layers";
       console.log(JSON.stringify(await layer(entry, layers${options})));`,
    );
    return attended(result);
  });
}

check("Node: import inspect", async () => {
  const result = await script(
    "main.js",
    `import { createBlockMask, load } from "attention-wasm";
     import { attentionRollout, heatmap, longformerMask, report } from "attention-wasm/inspect";
     const engine = await load();
     const x = { data: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)), shape: [3, 4] };
     const blockMask = createBlockMask(longformerMask({ window: 2 }), { queryLength: 3, keyLength: 3 });
     const { weights } = engine.attention(x, x, x, { blockMask, returnWeights: true });
     const svg = heatmap(weights, { tokens: ["a", "b", "c"] });
     const html = report(weights);
     const sums = attentionRollout(weights).data.slice(0, 3).reduce((a, b) => a + b);
     console.log(JSON.stringify({ svg: svg.startsWith("<svg"), html: html.endsWith("</html>\\n"), sums }));`,
  );
  expect(result.svg && result.html && Math.abs(result.sums - 1) < 1e-6, JSON.stringify(result));
});

check("Node: require", async () => {
  const text = `const entry = require("attention-wasm");
    import("./attend.js").then(async ({ attend }) => console.log(JSON.stringify(await attend(entry))));`;
  return attended(await script("main.cjs", text));
});

check("Node: require where Node cannot, the error", async () => {
  const text = `try { require("attention-wasm") } catch ({ message }) { console.log(JSON.stringify({ message })) }`;
  const { message } = await script("main.cjs", text, ["--no-experimental-require-module"]);
  expect(/await import\(\)/.test(message), message);
});

check("Node: classes are the same objects everywhere", async () => {
  const result = await script(
    "main.cjs",
    `const names = ${JSON.stringify(ENTRIES.filter((entry) => !OPERATIONS.includes(entry)))};
     Promise.all(names.map((name) => import(name))).then((imported) => {
       const all = [...imported, ...names.map((name) => require(name))];
       const classes = ["Tensor", "BlockMask", "Engine"];
       const same = classes.every((name) => all.every((entry) => entry[name] && entry[name] === all[0][name]));
       console.log(JSON.stringify({ same }));
     });`,
  );
  expect(result.same, "there are two of a class");
});

check("Node: nothing happens at import", async () => {
  const result = await script(
    "main.js",
    `const touched = [];
     const poison = (name) => Object.defineProperty(globalThis, name, {
       configurable: true,
       get() { touched.push(name); throw new Error(name + " was touched at import"); },
     });
     const names = ["WebAssembly", "fetch", "eval", "Function", "Worker", "SharedArrayBuffer", "Blob", "XMLHttpRequest",
       "setTimeout", "setInterval", "process", "navigator", "document", "crypto", "performance", "atob"];
     const before = Object.getOwnPropertyNames(globalThis).length;
     const kept = Object.fromEntries(names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
     const entries = [];
     const work = ${JSON.stringify(ENTRIES)}.map((entry) => import(entry));
     names.forEach(poison);
     for (const entry of work) entries.push(await entry);
     for (const name of names) {
       if (kept[name]) Object.defineProperty(globalThis, name, kept[name]);
       else delete globalThis[name];
     }
     console.log(JSON.stringify({ touched, added: Object.getOwnPropertyNames(globalThis).length - before }));`,
    ["--disallow-code-generation-from-strings"],
  );
  expect(result.touched.length === 0 && result.added === 0, JSON.stringify(result));
});

check("Node: no dynamic import, no eval in any entry", async () => {
  const { readFile } = await import("node:fs/promises");
  const { tarball } = await import("./workplace.mjs");
  const folder = await consumer();
  for (const path of tarball().files.filter((path) => /^build\/.*\.c?js$/.test(path) && !path.endsWith("cli.js"))) {
    const text = await readFile(join(folder, "node_modules/attention-wasm", path), "utf8");
    const found = text.replace(/"(?:[^"\\]|\\.)*"/g, '""').match(/\bimport\(|\beval\(|new Function|import\.meta/);
    expect(!found, `${path} has ${found}`);
  }
});

check("Node: strings may not become code, and it works", async () =>
  attended(await script("main.js", main("attention-wasm"), ["--disallow-code-generation-from-strings"])),
);

check("Node: slim without a module says so", async () => {
  const result = await script(
    "main.js",
    `import { load } from "attention-wasm/slim";
     await load().then(() => console.log("{}"), ({ code, message }) => console.log(JSON.stringify({ code, message })));`,
  );
  expect(result.code === "ERR_MODULE" && /slim.*module/.test(result.message), JSON.stringify(result));
  return result.code;
});

check("Node: relaxed.wasm where it cannot run, the error", async () => {
  const result = await script(
    "main.js",
    `import { readFile } from "node:fs/promises";
     import { attend } from "./attend.js";
     import * as entry from "attention-wasm/slim";
     const module = await readFile(new URL(import.meta.resolve("attention-wasm/relaxed.wasm")));
     const runs = WebAssembly.validate(module);
     const result = await attend(entry, { module }).catch(({ code, message }) => ({ code, message }));
     console.log(JSON.stringify({ runs, ...result }));`,
  );
  if (result.runs) return attended(result);
  expect(result.code === "ERR_COMPILE" && /relaxed SIMD/.test(result.message), JSON.stringify(result));
  return result.code;
});

check("Node: a file: URL, the error", async () => {
  const result = await script(
    "main.js",
    `import { load } from "attention-wasm/slim";
     const module = new URL(import.meta.resolve("attention-wasm/simd.wasm"));
     await load({ module }).then(() => console.log("{}"), ({ code, message }) => console.log(JSON.stringify({ code, message })));`,
  );
  expect(result.code === "ERR_MODULE" && /bytes/.test(result.message), JSON.stringify(result));
  return result.code;
});

if (arch() === "x64") {
  check("Node: without SIMD the error names it", async () => {
    const result = await script(
      "main.js",
      `import { load } from "attention-wasm";
       await load().then(() => console.log("{}"), ({ code, message }) => console.log(JSON.stringify({ code, message })));`,
      ["--no-enable-ssse3", "--no-enable-sse4-1", "--no-enable-avx"],
    );
    expect(result.code === "ERR_NO_SIMD" && result.message.includes("SIMD"), JSON.stringify(result));
    return result.code;
  });
}

check("command line: npx attention-wasm info", async () => {
  const folder = await consumer();
  const { stdout } = await run("npx", ["--no-install", "attention-wasm", "info"], { cwd: folder });
  expect(/build/.test(stdout), stdout);
});
