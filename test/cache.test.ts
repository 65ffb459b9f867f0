// A cached run is the whole run: random programs on both builds, beside a plain model of a cache.
import { suite } from "uvu";
import { loadSync } from "../src/index.js";
import { BUILDS } from "./builds.js";
import { Program } from "./cache/program.js";

const PROGRAMS = 40;

for (const build of BUILDS) {
  const test = suite(`cache: random programs (${build})`);
  const engine = loadSync({ build });
  for (let seed = 0; seed < PROGRAMS; seed += 10) {
    test(`seeds ${seed} to ${seed + 9}`, () => {
      for (let one = seed; one < seed + 10; one++) new Program(engine, one).run();
    });
  }
  test.run();
}
