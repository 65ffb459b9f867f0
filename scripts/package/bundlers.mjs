// The package in what bundlers make of it, each run in Chromium.
import { join } from "node:path";
import { serve, visit } from "./browser.mjs";
import { attended, check, expect } from "./checks.mjs";
import { consumer, fixture, run, temporary, tool } from "./workplace.mjs";

const MAIN = `import { attend } from "./attend.js";
import { report } from "./report.js";
import * as entry from "attention-wasm";
report(() => attend(entry));
`;
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

async function project(files = {}) {
  return consumer({ "main.js": MAIN, "index.html": await fixture("page.html"), ...files });
}

/** A page around one bundle, opened. */
async function open(folder, headers) {
  const { address, close } = await serve(folder, headers);
  try {
    return await visit(`${address}/index.html`);
  } finally {
    close();
  }
}

async function vite(folder, extra = {}) {
  const { build, createServer, preview } = await tool("vite");
  const options = { root: folder, configFile: false, logLevel: "silent", clearScreen: false, ...extra };
  const server = { host: "127.0.0.1", port: 0 };
  return { build, createServer, preview, options: { ...options, server, preview: server } };
}

check("Vite: dev server with pre-bundling", async () => {
  const { createServer, options } = await vite(await project());
  const server = await createServer({ ...options, optimizeDeps: { include: ["attention-wasm"] } });
  try {
    await server.listen();
    return attended(await visit(`http://127.0.0.1:${server.httpServer.address().port}/`));
  } finally {
    await server.close();
  }
});

check("Vite: build and preview", async () => {
  const { build, preview, options } = await vite(await project());
  await build(options);
  const server = await preview(options);
  try {
    return attended(await visit(`http://127.0.0.1:${server.httpServer.address().port}/`));
  } finally {
    await new Promise((done) => server.httpServer.close(done));
  }
});

check("Vite: slim, the .wasm as a URL of the app", async () => {
  const main = MAIN.replace('"attention-wasm"', '"attention-wasm/slim"').replace(
    "attend(entry)",
    "attend(entry, { module: new URL(url, location.href) })",
  );
  const folder = await project({ "main.js": `import url from "attention-wasm/relaxed.wasm?url";\n${main}` });
  const { build, options } = await vite(folder, { build: { assetsInlineLimit: 0 } });
  await build(options);
  const result = await open(join(folder, "dist"));
  expect(result.build === "relaxed", JSON.stringify(result));
  return attended(result);
});

check("Vite: threads on a cross-origin isolated page", async () => {
  const main = MAIN.replace('"attention-wasm"', '"attention-wasm/threads"').replace(
    "(entry)",
    "(entry, { threads: 2 })",
  );
  const folder = await project({ "main.js": main });
  const { build, options } = await vite(folder);
  await build(options);
  const result = await open(join(folder, "dist"), ISOLATED);
  expect(result.threads === 2, JSON.stringify(result));
  return attended(result);
});

async function webpack(folder, options) {
  const { default: pack } = await tool("webpack");
  const stats = await new Promise((done, fail) =>
    pack(
      { mode: "production", context: folder, entry: "./main.js", output: { path: join(folder, "out") }, ...options },
      (error, result) => (error ? fail(error) : done(result)),
    ),
  );
  expect(!stats.hasErrors() && !stats.hasWarnings(), stats.toString({ all: false, errors: true, warnings: true }));
}

check("webpack", async () => {
  const folder = await project({ "out/index.html": '<script src="main.js"></script>' });
  await webpack(folder, {});
  return attended(await open(join(folder, "out")));
});

check("webpack: require, development with eval", async () => {
  const main = MAIN.replace(/^import/gm, "const")
    .replace(/\* as entry/, "entry")
    .replace(/ from (".*");/g, "=require($1);");
  const folder = await consumer({ "main.js": main, "out/index.html": '<script src="main.js"></script>' }, {});
  await webpack(folder, { mode: "development", devtool: "eval" });
  return attended(await open(join(folder, "out")));
});

check("webpack: for Node", async () => {
  const folder = await project({
    "main.js": MAIN.replace(/import \{ report.*\n/, "").replace(
      "report(() => attend(entry))",
      "attend(entry).then((result) => console.log(JSON.stringify(result)))",
    ),
  });
  await webpack(folder, { target: "node", output: { path: join(folder, "out"), filename: "main.cjs" } });
  const elsewhere = await temporary();
  const { stdout } = await run(process.execPath, [join(folder, "out/main.cjs")], { cwd: elsewhere });
  return attended(JSON.parse(stdout));
});

check("Rollup", async () => {
  const folder = await project({ "out/index.html": '<script type="module" src="main.js"></script>' });
  const [{ rollup }, { nodeResolve }] = [await tool("rollup"), await tool("@rollup/plugin-node-resolve")];
  const warnings = [];
  const bundle = await rollup({
    input: join(folder, "main.js"),
    plugins: [nodeResolve({ browser: true })],
    onwarn: ({ message }) => warnings.push(message),
  });
  await bundle.write({ dir: join(folder, "out") });
  await bundle.close();
  expect(warnings.length === 0, warnings.join("\n"));
  return attended(await open(join(folder, "out")));
});

for (const [name, format, attributes] of [
  ["esbuild", "esm", 'type="module"'],
  ["esbuild: one classic script, old charset", "iife", 'charset="iso-8859-1"'],
]) {
  check(name, async () => {
    const folder = await project({ "out/index.html": `<script ${attributes} src="main.js"></script>` });
    const { build } = await tool("esbuild");
    await build({ absWorkingDir: folder, entryPoints: ["main.js"], bundle: true, minify: true, format, outdir: "out" });
    return attended(await open(join(folder, "out")));
  });
}
