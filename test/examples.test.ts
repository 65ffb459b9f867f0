// Each example that runs in Node runs as its first line says, against the package by its name. The others, and these
// again from the tarball, are run by `npm run test:package`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("examples");

test("attention.mjs", () => {
  const lines = execFileSync(process.execPath, ["examples/attention.mjs"], { encoding: "utf8" }).trim().split("\n");
  assert.is(lines.shift(), "output 6 x 4; each row of weights looks back only:");
  assert.is(lines.length, 6);
  for (const [i, line] of lines.entries()) {
    const weights = line.split("  ").map(Number);
    assert.ok(Math.abs(weights.reduce((a, b) => a + b) - 1) < 0.03, line);
    assert.ok(weights.every((weight, j) => j <= i || weight === 0));
  }
});

test("inspect.mjs draws the pictures of the documentation", () => {
  const folder = mkdtempSync(join(tmpdir(), "attention-inspect-"));
  try {
    const printed = execFileSync(process.execPath, ["examples/inspect.mjs", folder], { encoding: "utf8" });
    assert.match(printed, /looks at "dogs" most/);
    const names = readdirSync("docs/images/inspect").filter((name) => name.endsWith(".svg"));
    assert.equal([...names, "report.html"].sort(), readdirSync(folder).sort());
    for (const name of names) {
      const same = readFileSync(join(folder, name), "utf8") === readFileSync(`docs/images/inspect/${name}`, "utf8");
      assert.ok(same, `docs/images/inspect/${name} is another picture: node examples/inspect.mjs docs/images/inspect`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("worker/worker.js", async () => {
  const { default: worker } = await import(pathToFileURL("examples/worker/worker.js").href);
  const ask = async (body: unknown, search = "", headers = {}) => {
    const text = body instanceof Uint8Array || typeof body === "string" ? body : JSON.stringify(body);
    const request = new Request(`http://localhost/${search}`, { method: "POST", body: text as BodyInit, headers });
    return (await worker.fetch(request)) as Response;
  };
  const x = { shape: [2, 2], data: [1, 0, 0, 1] };
  const good = await ask({ query: x, key: x, value: x, options: { causal: true } });
  assert.is(good.status, 200);
  const { shape, data } = (await good.json()) as { shape: number[]; data: number[] };
  assert.equal(shape, [2, 2]);
  assert.equal(data.slice(0, 2), [1, 0]);

  const bytes = new Uint8Array(Float32Array.from([...x.data, ...x.data, ...x.data]).buffer);
  const binary = { "content-type": "application/octet-stream" };
  const same = await ask(bytes, "?shape=2,2&causal=true", binary);
  assert.equal([...new Float32Array(await same.arrayBuffer())], data);

  const wrong: [unknown, RegExp, string?, object?][] = [
    ["{", /JSON/],
    [null, /query\.data/],
    [{ query: x, key: x, value: { shape: [2], data: [1, "2"] } }, /value\.data/],
    [{ query: x, key: { ...x, shape: [4, 1] }, value: x }, /key/],
    [{ query: x, key: x, value: x, options: { casual: true } }, /casual/],
    [{ query: x, key: x, value: x, options: 5 }, /options/],
    [bytes, /192 bytes.*got 48/, "?shape=4,4", binary],
    [new Uint8Array(0), /shape/, "?shape=zero", binary],
    [new Uint8Array(0), /shape/, "?shape=0,-1", binary],
  ];
  for (const [body, words, search, headers] of wrong) {
    const answer = await ask(body, search, headers);
    const { error } = (await answer.json()) as { error: string };
    assert.is(answer.status, 400, error);
    assert.match(error, words);
  }
});

test.run();
