// The page: runs the tests itself, or has a worker or a service worker do it.
const query = new URLSearchParams(location.search);
await fetch("progress", { method: "POST", body: "the page" });
const problem = (text) => fetch("problem", { method: "POST", body: String(text) });
addEventListener("error", (event) => problem(event.message));
addEventListener("unhandledrejection", (event) => problem(event.reason?.stack ?? event.reason));

const job = { runtime: query.get("runtime"), threads: query.has("threads") };
switch (query.get("where")) {
  case "page": {
    const { runTests } = await import("./tests.mjs");
    await runTests(job);
    break;
  }
  case "worker": {
    const worker = new Worker("tests.mjs", { type: "module" });
    worker.onerror = (event) => problem(event.message ?? "the worker could not be loaded");
    worker.postMessage(job);
    break;
  }
  case "service-worker": {
    await navigator.serviceWorker.register("tests.mjs", { type: "module" });
    const { active } = await navigator.serviceWorker.ready;
    active.postMessage(job);
    break;
  }
}
