// npm start: everything from a fresh clone to the main job on its embedded default. Arguments go to the command line:
// npm start -- image photo.png -o clean.png
import { run, setUp } from "./setup.mjs";

setUp();
run(process.execPath, ["build/cli.js", ...process.argv.slice(2)]);
