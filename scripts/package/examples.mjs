// Every example of examples/, complete as it is, against the tarball.
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { serve, visit, WATCH } from "./browser.mjs";
import { check, expect } from "./checks.mjs";
import { requestOf, wrangler } from "./hosts.mjs";
import { consumer, run, tool, toolPath } from "./workplace.mjs";

async function project(...names) {
  const folder = await consumer();
  for (const name of names)
    await cp(join("examples", name), join(folder, name.replace(/^.*\//, "")), { recursive: true });
  return folder;
}

/** Rows of weights as the examples print them: each sums to 1. */
function weights(text, rows, { causal = false } = {}) {
  const lines = text.trim().split("\n").slice(-rows);
  expect(lines.length === rows, text);
  for (const [i, line] of lines.entries()) {
    const row = line.trim().split(/\s+/).map(Number);
    const sum = row.reduce((a, b) => a + b, 0);
    expect(row.length === rows && Math.abs(sum - 1) < 0.04, `row ${i} sums to ${sum}: ${line}`);
    expect(!causal || row.every((weight, j) => j <= i || weight === 0), `row ${i} looks ahead: ${line}`);
  }
  return `${rows} rows of weights`;
}

check("example: Node, attention.mjs", async () => {
  const folder = await project("attention.mjs");
  const { stdout } = await run(process.execPath, ["attention.mjs"], { cwd: folder });
  return weights(stdout, 6, { causal: true });
});

check("example: Node, the five pipelines", async () => {
  const folder = await project("pipeline.mjs", "inputs", "weights");
  const { devDependencies } = JSON.parse(await readFile("package.json", "utf8"));
  await run("npm", ["install", "--no-audit", "--no-fund", `fast-png@${devDependencies["fast-png"]}`], { cwd: folder });
  const programs = {
    "translate-recurrent": "la petite maison blanche .",
    "translate-transformer": "la petite maison blanche .",
    image: "image-spatial.svg",
    sequence: "1898: 1091 before",
    autoencoder: "row 6, column 25",
  };
  for (const name of [...Object.keys(programs), "sequence-plot"])
    await cp(`examples/${name}.mjs`, join(folder, `${name}.mjs`));
  for (const [name, words] of Object.entries(programs)) {
    const { stdout } = await run(process.execPath, [`${name}.mjs`], { cwd: folder });
    expect(stdout.includes(words), stdout);
  }
  return "translations, maps, 1898, the kite";
});

check("example: Deno, deno.ts with types checked", async () => {
  const folder = await project("deno.ts");
  const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const { stdout } = await run(toolPath(".bin/deno"), ["run", "--check", "--no-prompt", "deno.ts"], {
    cwd: folder,
    env,
  });
  return weights(stdout, 6, { causal: true });
});

check("example: HTML page, page.html", async () => {
  const folder = await project("page.html");
  const { address, close } = await serve(folder, {}, (html) => html.replace("</body>", `${WATCH}</body>`));
  try {
    return weights((await visit(`${address}/page.html`)).text, 6, { causal: true });
  } finally {
    close();
  }
});

check("example: Vite app", async () => {
  const folder = await project("vite/index.html", "vite/main.js");
  const { build } = await tool("vite");
  const plugin = { name: "watch", transformIndexHtml: (html) => html.replace("</body>", `${WATCH}</body>`) };
  await build({ root: folder, configFile: false, logLevel: "silent", plugins: [plugin] });
  const { address, close } = await serve(join(folder, "dist"));
  try {
    return weights((await visit(`${address}/`)).text, 5);
  } finally {
    close();
  }
});

check("example: Cloudflare Worker", async () => {
  const folder = await project("worker/worker.js");
  const request = await requestOf(await wrangler(folder, "worker.js"));
  const answer = async (response) => ({ status: response.status, body: await response.json() });
  const post = (body) => request("/", { method: "POST", body: JSON.stringify(body), read: answer });

  const tensor = { shape: [2, 2], data: [1, 0, 0, 1] };
  const good = await post({ query: tensor, key: tensor, value: tensor, options: { causal: true } });
  expect(good.status === 200 && good.body.shape.join() === "2,2", JSON.stringify(good));
  const high = Math.exp(Math.SQRT1_2) / (1 + Math.exp(Math.SQRT1_2));
  const want = [1, 0, 1 - high, high];
  expect(
    want.every((x, i) => Math.abs(x - good.body.data[i]) < 1e-6),
    JSON.stringify(good),
  );

  const binary = await request("/?shape=2,2&causal=true", {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: new Float32Array([1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]),
    read: async (response) => ({
      shape: response.headers.get("attention-shape"),
      data: [...new Float32Array(await response.arrayBuffer())],
    }),
  });
  expect(binary.shape === "2,2" && binary.data.join() === good.body.data.join(), JSON.stringify(binary));

  const wrong = [
    [{ query: tensor, key: tensor }, /value\.data/],
    [{ query: tensor, key: tensor, value: { ...tensor, shape: [2, 3] } }, /value/],
    [{ query: tensor, key: tensor, value: tensor, options: { casual: true } }, /casual/],
    [[], /query\.data/],
  ];
  for (const [body, words] of wrong) {
    const { status, body: told } = await post(body);
    expect(status === 400 && words.test(told.error), JSON.stringify({ status, told }));
  }
  const garbage = await request("/", { method: "POST", body: "{", read: answer });
  expect(garbage.status === 400 && /JSON/.test(garbage.body.error), JSON.stringify(garbage));
  const short = await request("/?shape=4,4", {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: new Uint8Array(5),
    read: answer,
  });
  expect(short.status === 400 && /192 bytes.*got 5/.test(short.body.error), JSON.stringify(short));
  const get = await request("/", { read: answer });
  expect(get.status === 405, JSON.stringify(get));
  return `200 for JSON and bytes, ${wrong.length + 2} wrong inputs explained`;
});

check("example: versions fit the package", async () => {
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  const { dependencies } = JSON.parse(await readFile("examples/vite/package.json", "utf8"));
  expect(dependencies["attention-wasm"] === `^${version}`, `examples/vite wants ${dependencies["attention-wasm"]}`);
});
