// npm run check: types of both sides, lint, generated files up to date. With --write (npm run format) it only formats.
import { run, setUp } from "./setup.mjs";

// Not among the devDependencies: it has a package per platform, and a lock file made where one of them cannot be had
// is refused everywhere
const LINTER = "@biomejs/biome@2.6.8";
const lint = (...flags) =>
  run("npx", ["--yes", LINTER, "check", ...flags, "src", "test", "scripts", "bench", "examples"]);

setUp();
if (process.argv.includes("--write")) {
  lint("--write");
} else {
  run("node_modules/.bin/tsc", ["-p", "tsconfig.json"]);
  lint("--error-on-warnings");
  run(process.execPath, ["scripts/generate-abi.mjs", "--check"]);
  console.log("types, lint and generated files are in order");
}
