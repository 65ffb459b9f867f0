// Each example runs as its first line says, against the package by its name.
import { execFileSync } from "node:child_process";
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

test.run();
