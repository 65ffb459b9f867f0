// The program `attention-wasm`: image (also without a command), run, info.
import { Command } from "commander";
import { report } from "./failure.js";
import { whyNot } from "./files.js";
import { addImageCommand } from "./image.js";
import { addInfoCommand } from "./info.js";
import { addRunCommand } from "./run.js";

/** The package's version, put here by the build. */
declare const VERSION: string;

const program = new Command("attention-wasm")
  .description("Attention by WebAssembly kernels, on pictures and tensors.")
  .version(VERSION)
  .exitOverride()
  .configureOutput({ outputError: () => {} }) // report() says it, on one line
  .showHelpAfterError(false);
addImageCommand(program);
addRunCommand(program);
addInfoCommand(program, VERSION);

// A reader that has seen enough (head) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`attention-wasm: cannot print: ${whyNot(error)}\n`);
  process.exit(1);
});
process.stderr.on("error", () => {}); // there is no place left to complain

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
