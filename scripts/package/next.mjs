// A Next.js application: a page in the browser, and a route in its edge runtime.
import { spawn } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { visit, WATCH } from "./browser.mjs";
import { attended, check, expect } from "./checks.mjs";
import { freePort } from "./hosts.mjs";
import { consumer, ENVIRONMENT, installTools, run, toolPath } from "./workplace.mjs";

const FILES = {
  "app/layout.js": `export default function Layout({ children }) {
  return <html lang="en"><head><script dangerouslySetInnerHTML={{ __html: ${JSON.stringify(WATCH.replace(/<\/?script>/g, ""))} }} /></head><body>{children}</body></html>;
}`,
  "app/page.js": `"use client";
import { useEffect, useState } from "react";
import * as entry from "attention-wasm";
import { attend } from "../attend.js";
export default function Page() {
  const [text, setText] = useState("");
  useEffect(() => { attend(entry).then((result) => setText(JSON.stringify(result))); }, []);
  return <pre id="output">{text}</pre>;
}`,
  "app/attend/route.js": `import * as entry from "attention-wasm";
import { attend } from "../../attend.js";
export const runtime = "edge";
export const dynamic = "force-dynamic";
export async function GET() {
  return Response.json(await attend(entry).catch(({ code, message }) => ({ ok: false, code, message })));
}`,
};

let started;
function application() {
  started ??= start();
  return started;
}

async function start() {
  await installTools("next");
  const folder = await consumer(FILES);
  await cp(toolPath("", "next"), join(folder, "node_modules"), { recursive: true, verbatimSymlinks: true });
  const env = { NEXT_TELEMETRY_DISABLED: "1", CI: "1" };
  const cli = join(folder, "node_modules/next/dist/bin/next");
  await run(process.execPath, [cli, "build"], { cwd: folder, env, timeout: 600_000 });
  const port = await freePort();
  const server = spawn(process.execPath, [cli, "start", "-p", `${port}`, "-H", "127.0.0.1"], {
    cwd: folder,
    env: { ...ENVIRONMENT, ...env },
    stdio: "ignore",
  });
  process.on("exit", () => server.kill("SIGKILL"));
  const address = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(address).catch(() => undefined);
    if (answer?.ok) return address;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error("next start does not answer");
}

check("Next.js: a page in the browser", async () => {
  const { text } = await visit(`${await application()}/`);
  return attended(JSON.parse(text));
});

check("Next.js: a route in the edge runtime", async () => {
  const result = await (await fetch(`${await application()}/attend`)).json();
  expect(result.build !== "relaxed", "a build that hosts may refuse was imported");
  return attended(result);
});
