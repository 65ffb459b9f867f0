import { join } from "node:path";
import { finish } from "../matrix/processes.mjs";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const chromium = (where, title, threads) => ({
  name: `chromium-${where}`,
  title,
  needs: { debian: { chromium: "chromium" } },
  where,
  threads,
  version: async () => (await finish("chromium", ["--version"])).match(/\d[\d.]*/)[0],
  launch: ({ url, temporary }) => ({
    command: "chromium",
    args: [...FLAGS, `--user-data-dir=${join(temporary, "profile")}`, url],
    env: { HOME: temporary, TMPDIR: temporary },
  }),
});

export default [
  chromium("page", "Chromium page", true),
  chromium("worker", "Chromium Worker", true),
  chromium("service-worker", "Chromium service worker", "no workers in a service worker"),
];
