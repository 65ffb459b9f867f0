// The elementary functions in plain arithmetic, against Math, which is within an ulp or so of the exact value.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cosSin, exp, log } from "../src/attention/elementary.js";
import { generator } from "./random.js";

const test = suite("elementary");
const random = generator(6);
const within = (got: number, want: number, bound: number, what: string) =>
  assert.ok(Math.abs(got - want) <= bound, `${what}: got ${got}, expected ${want}`);

test("exp", () => {
  for (let i = 0; i < 20000; i++) {
    const x = (random() - 0.5) * 1000;
    within(exp(x) / Math.exp(x), 1, 1e-15, `exp(${x})`);
  }
  assert.is(exp(0), 1);
});

test("log", () => {
  for (let i = 0; i < 20000; i++) {
    const x = Math.exp((random() - 0.5) * 100);
    within(log(x), Math.log(x), 1e-15 * Math.max(1, Math.abs(Math.log(x))), `log(${x})`);
  }
  assert.is(log(1), 0);
});

test("cosine and sine, also far from 0", () => {
  for (let i = 0; i < 40000; i++) {
    const x = (random() - 0.5) * 2 ** (random() * 30);
    const [cos, sin] = cosSin(x);
    within(cos, Math.cos(x), 3e-16, `cos(${x})`);
    within(sin, Math.sin(x), 3e-16, `sin(${x})`);
  }
  assert.equal(cosSin(0), [1, 0]);
});

test.run();
