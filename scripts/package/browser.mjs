// Chromium, without a driver: a page is opened, does its work and POSTs one line of JSON to the server here.
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { temporary } from "./workplace.mjs";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".css": "text/css",
};

/** Serves a folder. @returns its address, and what closes it */
export async function serve(folder, headers = {}, change = (text) => text) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    const bytes = await readFile(file).catch(() => undefined);
    if (!bytes) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type, ...headers });
    response.end(type === "text/html" ? change(bytes.toString()) : bytes);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Opens a page of this address, and gives what it POSTs to the address in its parameter `report`. */
export async function visit(address, { timeout = 90_000 } = {}) {
  const profile = await temporary();
  let took;
  const posted = new Promise((done) => {
    took = done;
  });
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      response.writeHead(200, { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" });
      response.end();
      if (request.method === "POST") took(JSON.parse(body));
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const page = `${address}?report=${encodeURIComponent(`http://127.0.0.1:${server.address().port}/`)}`;
  const flags =
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
    "--disable-component-update --disable-sync --enable-logging=stderr";
  const browser = spawn(chromium(), [...flags.split(" "), `--user-data-dir=${profile}`, page], { detached: true });
  let log = "";
  browser.stderr.on("data", (chunk) => {
    log += chunk;
  });
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => {
      const console = log.split("\n").filter((line) => line.includes("CONSOLE"));
      fail(new Error(`${address} reported nothing within ${timeout / 1000} s\n${console.join("\n")}`));
    }, timeout);
  });
  try {
    return await Promise.race([posted, late]);
  } finally {
    clearTimeout(timer);
    server.close();
    server.closeAllConnections();
    process.kill(-browser.pid, "SIGKILL");
  }
}

let found;
/** The path of Chromium, which Debian's package gives where it is missing. */
export function chromium() {
  found ??= [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path) => path && existsSync(path),
  );
  if (found) return found;
  if (process.getuid?.() !== 0) throw new Error("Chromium is missing: install it, or name it in CHROMIUM");
  const apt = (...args) =>
    execFileSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=600", ...args], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  apt("update");
  apt("install", "-y", "chromium");
  found = "/usr/bin/chromium";
  return found;
}

/** A script for pages that report nothing by themselves: it waits for text in #output. */
export const WATCH = `<script>
  const address = new URLSearchParams(location.search).get("report");
  const timer = setInterval(() => {
    const text = document.querySelector("#output")?.textContent;
    if (!text) return;
    clearInterval(timer);
    fetch(address, { method: "POST", body: JSON.stringify({ text }) });
  }, 20);
</script>`;
