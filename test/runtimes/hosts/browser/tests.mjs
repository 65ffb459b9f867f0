// The tests in a page, a worker or a service worker, which may not import at run time.
import { run } from "./bundle.mjs";

const post = (path, text) => fetch(path, { method: "POST", body: text });

export async function runTests({ runtime, threads }) {
  const load = (name) => WebAssembly.compileStreaming(fetch(`modules/${name}.wasm`));
  try {
    const report = await run({ runtime, load, threads, progress: (suite) => post("progress", suite) });
    await post("report", JSON.stringify(report));
  } catch (error) {
    await post("problem", `${error}\n${error?.stack}`);
  }
}

if (typeof document === "undefined") {
  addEventListener("message", (event) => {
    const done = runTests(event.data);
    event.waitUntil?.(done);
  });
}
