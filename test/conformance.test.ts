// The reference data in ../shared/conformance and torch.zip, on every build and on the oracle: one test per case.
import { suite } from "uvu";
import { type Engine, type HostTensor, loadSync } from "../src/index.js";
import { BUILDS } from "./builds.js";
import { type Case, onnxCases, torchCases } from "./conformance/cases.js";
import { compute, isForOracle } from "./conformance/operations.js";
import { referenceEngine } from "./conformance/reference-engine.js";
import { waitsForTraining } from "./conformance/scaled-dot-product.js";
import { assertClose } from "./conformance/tolerance.js";

const torch = torchCases();
const onnx = onnxCases();
console.log(`conformance: ${torch.sources.join(", ")}`);
console.log(`conformance: ${onnx.source}`);

const all = [...torch.cases, ...(onnx.cases ?? [])];
const waiting = all.filter(waitsForTraining);
const cases = all.filter((test) => !waitsForTraining(test));
const gradients = all.reduce((n, test) => n + test.gradients, 0);

/** Cases of one kind on one build. */
interface Tally {
  readonly kind: string;
  readonly build: string;
  passed: number;
  total: number;
}
const tallies: Tally[] = [];

function tallyOf(test: Case, build: string): Tally {
  const kind = test.group === "onnx" ? `onnx ${test.op}` : `torch ${test.group}`;
  let tally = tallies.find((other) => other.kind === kind && other.build === build);
  if (!tally) {
    tally = { kind, build, passed: 0, total: 0 };
    tallies.push(tally);
  }
  return tally;
}

/** Every output that is not a gradient, against its own tolerance. */
function check(engine: Engine, test: Case): void {
  if (test.unreadable) throw test.unreadable;
  for (const results of compute(engine, test)) {
    let compared = 0;
    for (const want of test.outputs) {
      if (!want) continue;
      const got: HostTensor | undefined = results[want.name];
      if (!got) throw new Error(`the operation gave no '${want.name}'`);
      assertClose(got, want);
      compared++;
    }
    if (compared === 0) throw new Error("the case has no outputs to compare");
  }
}

const engines: { build: string; engine: Engine }[] = [
  { build: "float64 reference", engine: referenceEngine() },
  ...BUILDS.map((build) => ({ build, engine: loadSync({ build }) })),
];
for (const { build, engine } of engines) {
  const conformance = suite(`conformance (${build})`);
  for (const test of cases) {
    if (build === "float64 reference" && !isForOracle(test)) continue;
    const tally = tallyOf(test, build);
    tally.total++;
    conformance(test.name, () => {
      check(engine, test);
      tally.passed++;
    });
  }
  conformance.after(() => {
    engine.close();
    if (build === engines.at(-1)!.build) report();
  });
  conformance.run();
}

/** The oracle is not counted in the total: it is not what is shipped. */
function report(): void {
  console.log();
  for (const { kind, build, passed, total } of tallies)
    console.log(`conformance: ${passed} of ${total} ${kind} (${build})`);
  console.log(
    `conformance: cases with dropout (${waiting.length}) and gradients (${gradients}) wait for training: docs/conformance.md`,
  );
  const shipped = tallies.filter(({ build }) => build !== "float64 reference");
  const sum = (key: "passed" | "total") => shipped.reduce((n, tally) => n + tally[key], 0);
  console.log(`conformance: ${sum("passed")} of ${sum("total")}`);
}
