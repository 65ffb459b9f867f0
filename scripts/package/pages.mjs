// Pages without a bundler, and pages whose rules forbid something: what is refused is said by name.
import { serve, visit } from "./browser.mjs";
import { attended, check, expect } from "./checks.mjs";
import { consumer } from "./workplace.mjs";

const INSTALLED = "./node_modules/attention-wasm/build";

/** A page with one inline module that imports the package from where npm put it. */
async function page(work, headers = {}, entry = "index.js") {
  const folder = await consumer({
    "main.js": `import { attend } from "./attend.js";
      import { report } from "./report.js";
      import * as entry from "${INSTALLED}/${entry}";
      report(async () => { ${work} });`,
    "index.html": '<!doctype html><script type="module" src="./main.js"></script>',
  });
  const { address, close } = await serve(folder, headers);
  try {
    return await visit(`${address}/`);
  } finally {
    close();
  }
}

const refused = (name, code, words, work, headers, entry) =>
  check(name, async () => {
    const result = await page(work, headers, entry);
    expect(result.code === code && words.test(result.message), JSON.stringify(result));
    return result.code;
  });

const POLICY = { "content-security-policy": "script-src 'self'" };

check("page: no build step", async () => attended(await page("return attend(entry)")));

check("page: CSP with 'wasm-unsafe-eval'", async () =>
  attended(await page("return attend(entry)", { "content-security-policy": "script-src 'self' 'wasm-unsafe-eval'" })),
);

refused("page: CSP without it is named", "ERR_COMPILE", /wasm-unsafe-eval/, "return attend(entry)", POLICY);

refused(
  "page: HTML where a .wasm was expected",
  "ERR_MODULE",
  /index\.html/,
  `return attend(entry, { module: new URL("./index.html", location.href) })`,
  {},
  "slim.js",
);

refused(
  "page: a .wasm that is not there",
  "ERR_MODULE",
  /nowhere\.wasm.*404/,
  `return attend(entry, { module: new URL("./nowhere.wasm", location.href) })`,
  {},
  "slim.js",
);

check("page: slim, fetched as a Response", async () =>
  attended(await page(`return attend(entry, { module: fetch("${INSTALLED}/simd.wasm") })`, {}, "slim.js")),
);

check("page: threads without isolation say why", async () => {
  const result = await page("return attend(entry, { threads: 2 })", {}, "threads.js");
  expect(/isolated/.test(result.reasons?.threads), JSON.stringify(result));
  return attended(result);
});
