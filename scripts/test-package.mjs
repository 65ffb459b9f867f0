// npm run test:package: the tarball of `npm pack`, installed and used as users do. Needs npm's registry and, for the pages,
// Chromium. Words as arguments run only the checks that have one of them in their name.
import { runChecks } from "./package/checks.mjs";
import { installTools, pack, removeFolders } from "./package/workplace.mjs";
import { setUp } from "./setup.mjs";

setUp();
await installTools();
await pack();
for (const room of ["tarball", "import", "types", "bundlers", "pages", "hosts", "next", "examples"]) {
  await import(`./package/${room}.mjs`);
}
const good = await runChecks();
await removeFolders();
process.exit(good ? 0 : 1);
