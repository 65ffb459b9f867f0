// The report: one file, nothing loaded, weights that come back out of it, and, where a Chromium is there, the page itself.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { report } from "../src/inspect/index.js";
import { Model } from "../src/inspect/page/model.js";
import type { ReportData } from "../src/inspect/report.js";
import { exampleWeights } from "./inspect/scenes.js";

const test = suite("inspect-report");
const EVIL = "</script><script>document.title='hacked'</script><!--<b>";

function dataOf(html: string): ReportData {
  return JSON.parse(html.match(/<script type="application\/json" id="data">([^<]*)<\/script>/)![1]!) as ReportData;
}

test("one document that names no address and forbids the network", () => {
  const html = report(exampleWeights(), { title: EVIL, subtitle: EVIL });
  assert.match(html, /^<!doctype html>/);
  assert.match(html, /Content-Security-Policy" content="default-src 'none'/);
  assert.not.match(html, /https?:|\bsrc=|\bhref=|@import|url\(/);
  assert.not.match(html, /\bfetch\(|XMLHttpRequest|WebSocket|import\(|eval\(/);
  assert.is(html.match(/<script/g)!.length, 2);
  assert.is(html.match(/<\/script/g)!.length, 2);
  assert.not.match(html, /<!--/);
});

test("the weights come back as they were, to 3 digits, and 0 stays 0", () => {
  const layers = [exampleWeights(13), exampleWeights(13)];
  const model = new Model(dataOf(report(layers)));
  for (const [layer, { data }] of layers.entries()) {
    for (let h = 0; h < 4; h++) {
      for (let i = 0; i < 13; i++) {
        for (let j = 0; j < 13; j++) {
          const want = data[(h * 13 + i) * 13 + j]!;
          const got = model.weight(i, j, layer, h);
          assert.is(got === 0, want === 0);
          if (want > 1e-5) assert.ok(Math.abs(got - want) <= 2.5e-3 * want, `${got} instead of ${want}`);
        }
      }
    }
  }
});

test("tokens that would end the script or the page stay text", () => {
  const tokens = [EVIL, "\u202e", "\u0000", "", "]]>", ...new Array(7).fill("x")];
  const html = report(exampleWeights(), { tokens });
  assert.is(html.match(/<script/g)!.length, 2);
  assert.equal(dataOf(html).queryTokens!.slice(0, 5), [EVIL, "\ufffd", "\u2400", '""', "]]>"]);
});

test("long sequences become means, whose sum is the sum of the weights", () => {
  const long = exampleWeights(900, 2);
  const html = report(long);
  const data = dataOf(html);
  assert.equal([data.rows, data.columns, data.block], [300, 300, [3, 3]]);
  assert.ok(html.length < 1_500_000, `${html.length} characters`);
  const model = new Model(data);
  let sum = 0;
  for (let i = 0; i < 300; i++) for (let j = 0; j < 300; j++) sum += 9 * model.weight(i, j);
  assert.ok(Math.abs(sum - 900) < 1, `${sum}`);
  assert.is(model.name("key", 1), "key 3 to 5");
});

test("refused: tokens of another length, a batch item that is not there", () => {
  assert.throws(
    () => report(exampleWeights(), { tokens: ["a"] }),
    /^tokens must have one string|one string for each of 12/,
  );
  assert.throws(() => report(exampleWeights(), { batch: 1 }), /batch must be an integer from 0 to 0/);
});

const chromium = ["chromium", "chromium-browser", "google-chrome"].find((name) => {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});
if (!chromium) console.log("note: no Chromium, the report is not opened");
else {
  test("in Chromium: all heads, the chosen one, what its first query looks at", async () => {
    const folder = mkdtempSync(join(tmpdir(), "attention-report-"));
    try {
      const tokens = [EVIL, ...Array.from({ length: 11 }, (_, i) => `t${i}`)];
      writeFileSync(
        join(folder, "report.html"),
        report([exampleWeights(), exampleWeights()], { tokens, title: "Right" }),
      );
      const flags = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${folder}/profile`, "--dump-dom"];
      const { stdout } = await promisify(execFile)(chromium, [...flags, `file://${folder}/report.html`], {
        timeout: 60_000,
        maxBuffer: 2 ** 26,
      });
      assert.match(stdout, /<title>Right<\/title>/);
      assert.is(stdout.match(/<button /g)?.length, 8);
      assert.is(stdout.match(/aria-pressed="true"/g)?.length, 1);
      assert.match(stdout, /<h2>Layer 0, head 0<\/h2>/);
      assert.match(stdout, /looks at<\/h2>/);
      assert.match(stdout, /&lt;\/script&gt;&lt;script&gt;document.title='hacked'/);
      assert.match(stdout, /<u>1<\/u>/);
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
}

test.run();
