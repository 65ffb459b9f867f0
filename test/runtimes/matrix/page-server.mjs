// Serves the tests to browsers, cross-origin isolated, and takes their reports: every launch has a path of its own.
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";

const HOSTS = "test/runtimes/hosts/browser";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

export async function servePages() {
  const launches = new Map();
  const server = createServer(async (request, response) => {
    const [, id, ...rest] = new URL(request.url, "http://localhost").pathname.split("/");
    const launch = launches.get(id);
    try {
      if (!launch || rest.includes("..")) throw new Error("no such launch");
      if (request.method === "POST") {
        let body = "";
        for await (const chunk of request.setEncoding("utf8")) body += chunk;
        const kind = rest.at(-1);
        if (kind === "progress") launch.progress = body;
        else launch.resolve(kind === "report" ? { line: body } : { problem: body });
        response.writeHead(204).end();
        return;
      }
      const file = fileOf(launch, rest);
      const bytes = await readFile(file);
      response.writeHead(200, { ...ISOLATED, "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
      response.end(bytes);
    } catch {
      response.writeHead(404, ISOLATED).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    /** A page for one run of the tests; `where` is page, worker or service-worker. */
    open({ bundle, modules, threads, where, runtime }) {
      const id = randomUUID();
      const report = new Promise((resolve) => launches.set(id, { bundle, modules, resolve }));
      const query = new URLSearchParams({ where, runtime, ...(threads && { threads }) });
      return { url: `${origin}/${id}/tests/page.html?${query}`, report, progress: () => launches.get(id).progress, close: () => launches.delete(id) };
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** tests/bundle.mjs, tests/modules/x.wasm, tests/page.html .... */
function fileOf({ bundle, modules }, [, ...path]) {
  if (path[0] === "bundle.mjs") return join(bundle, "bundle.mjs");
  if (path[0] === "modules") return join(modules, path[1]);
  return join(HOSTS, ...path);
}
