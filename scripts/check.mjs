// npm run check: types of both sides, lint, generated files up to date.
import { existsSync } from "node:fs";
import { run, setUp } from "./setup.mjs";

setUp();
run("node_modules/.bin/tsc", ["-p", "tsconfig.json"]);
run(
  "node_modules/.bin/biome",
  ["check", "--error-on-warnings", "src", "test", "scripts", "bench", "examples"].filter(
    (p, i) => i < 2 || existsSync(p),
  ),
);
run(process.execPath, ["scripts/generate-abi.mjs", "--check"]);
console.log("types, lint and generated files are in order");
