// Attention with all its options, and layers: the reference cases of PyTorch in float64, and random options against the oracle.
import { loadSync } from "../../../src/index.js";
import { loadLayers } from "../../../src/layers/index.js";
import { attention as oracle } from "../../../src/reference/index.js";
import { type Case, torchCases } from "../../conformance/cases.js";
import { compute } from "../../conformance/operations.js";
import { waitsForTraining } from "../../conformance/scaled-dot-product.js";
import { assertClose } from "../../conformance/tolerance.js";
import { fuzzCase } from "../../properties/fuzz-case.js";
import { checkFuzzCase } from "../../properties/fuzz-check.js";
import type { Host } from "../host.js";

const FUZZ_CASES = 60;

function check(engine: ReturnType<typeof loadSync>, test: Case): void {
  if (test.unreadable) throw test.unreadable;
  const wanted = test.outputs.filter((want) => want !== null);
  if (wanted.length === 0) throw new Error("the case has no outputs to compare");
  for (const results of compute(engine, test)) {
    for (const want of wanted) {
      const got = results[want.name];
      if (!got) throw new Error(`the operation gave no '${want.name}'`);
      assertClose(got, want);
    }
  }
}

export function attention({ builds, suite }: Host): void {
  const cases = torchCases().cases.filter((test) => !waitsForTraining(test));
  for (const { name, module, layers } of builds) {
    const test = suite(`attention (${name})`);
    const engine = loadSync({ module });
    test("layers on the same memory", () => loadLayers(engine, layers));
    for (const one of cases) test(one.name, () => check(engine, one));
    for (let seed = 0; seed < FUZZ_CASES; seed += 10) {
      test(`random options, seeds ${seed} to ${seed + 9}`, () => {
        for (let at = seed; at < seed + 10; at++) {
          const random = fuzzCase(at);
          checkFuzzCase(engine, random, oracle(...random.operands, random.reference), name);
        }
      });
    }
  }
}
