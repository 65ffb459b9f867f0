// The same bits in every runtime: fingerprints of the workload on the simd build, section by section, against those in
// the repository; the relaxed build near to it; and the proof that the workload calls every kernel.
import * as assert from "uvu/assert";
import { type Engine, type HostTensor, load, loadSync } from "../../../src/index.js";
import { halfUlp, numbersOf } from "../../conformance/tolerance.js";
import { fingerprint, joined } from "../fingerprint.js";
import stored from "../hash.json";
import type { Host } from "../host.js";
import { workload } from "../workload.js";

/** Most that a result of the relaxed build may differ: |a - b| / (1 + |b|), roundings to 16 bits aside. */
const RELAXED_TOLERANCE = 2e-5;
/** With int8 and int4 what is rounded to int16 on the way may come out one unit apart, in a query and in a weight. */
const INTEGER_TOLERANCE = 2 / 32767;

function run(engine: Engine): Map<string, readonly HostTensor[]> {
  return new Map(Array.from(workload(), ([name, section]) => [name, section(engine)]));
}

function fingerprints(engine: Engine): Record<string, string> {
  return Object.fromEntries(Array.from(run(engine), ([name, results]) => [name, fingerprint(results)]));
}

function difference(got: HostTensor, want: HostTensor): number {
  const [a, b] = [numbersOf(got), numbersOf(want)];
  assert.is(a.length, b.length);
  let most = 0;
  for (let i = 0; i < b.length; i++) {
    if (a[i] === b[i]) continue;
    const rounding = 2 * halfUlp(b[i]!, want.dtype);
    most = Math.max(most, (Math.abs(a[i]! - b[i]!) - rounding) / (1 + Math.abs(b[i]!)));
    if (Number.isNaN(most)) return Number.POSITIVE_INFINITY;
  }
  return most;
}

/** The functions that a module exports and the workload never calls. */
function neverCalled(module: WebAssembly.Module): string[] {
  const exported = WebAssembly.Module.exports(module).filter(({ kind }) => kind === "function");
  const missing = new Set(exported.map(({ name }) => name));
  const { Instance } = WebAssembly;
  // Called with `new`: an instance that notes what is called
  function Noting(code: WebAssembly.Module, imports: WebAssembly.Imports) {
    const { exports } = new Instance(code, imports);
    const noted = Object.entries(exports).map(([name, value]) => {
      if (typeof value !== "function") return [name, value];
      const call = (...args: unknown[]) => {
        missing.delete(name);
        return value(...args);
      };
      return [name, call];
    });
    return { exports: Object.fromEntries(noted) };
  }
  Object.assign(WebAssembly, { Instance: Noting });
  try {
    const engine = loadSync({ module });
    run(engine);
    void engine.info;
  } finally {
    Object.assign(WebAssembly, { Instance });
  }
  return [...missing];
}

export function bits({ builds, compiles, prints, sabotage, suite }: Host): void {
  const test = suite("bits");
  const simd = builds[0]!.module;
  const relaxed = builds.find(({ name }) => name === "relaxed")?.module;
  const deterministic = () => (compiles ? load({ deterministic: true }) : load({ deterministic: true, module: simd }));

  test("deterministic: true gives the fingerprints in the repository", async () => {
    const engine = await deterministic();
    assert.is(engine.info.build, "simd");
    const sections = fingerprints(engine);
    engine.close();
    prints.sections = sections;
    prints.simd = joined(sections);
    const expected: Record<string, string> = { ...stored.sections };
    if (sabotage === "fail") expected["option plain"] = "00000000";
    const other = [...workload().keys()].filter((name) => sections[name] !== expected[name]);
    assert.equal(other, [], `other bits than the repository's in: ${other.join("; ")}`);
    assert.equal(Object.keys(expected).sort(), [...workload().keys()].sort());
    assert.is(prints.simd, stored.simd);
  });

  test("the same bits once the runtime has optimised the kernels", async () => {
    const engine = await deterministic();
    for (let i = 0; i < 2; i++) assert.equal(fingerprints(engine), prints.sections);
    engine.close();
  });

  if (sabotage !== "fewer") {
    test("the workload calls every kernel", () => {
      assert.equal(neverCalled(simd), []);
    });
  }

  if (relaxed) {
    test("the relaxed build is near to it", () => {
      const [a, b] = [loadSync({ module: relaxed }), loadSync({ module: simd })];
      const [got, want] = [run(a), run(b)];
      let most = 0;
      const far: string[] = [];
      for (const [name, tensors] of want) {
        const differences = tensors.map((tensor, i) => difference(got.get(name)![i]!, tensor));
        const worst = Math.max(...differences);
        most = Math.max(most, worst);
        const tolerance = name.startsWith("cache of int") ? INTEGER_TOLERANCE : RELAXED_TOLERANCE;
        if (!(worst <= tolerance)) far.push(`${name}: ${worst}`);
      }
      prints.largestDifference = most;
      prints.relaxed = joined(fingerprints(a));
      assert.equal(far, []);
    });
  }
}
