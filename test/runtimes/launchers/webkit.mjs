// WebKitGTK's MiniBrowser, which needs a display: an X server of its own that shows nothing.
import { join } from "node:path";
import { finish, start } from "../matrix/processes.mjs";

/** Where Debian put it; it is not on the path. */
const find = async () =>
  (await finish("dpkg-query", ["-S", "*/MiniBrowser"]))
    .split("\n")
    .map((line) => line.split(": ")[1])
    .find((path) => path?.endsWith("/MiniBrowser"));

const webkit = (where, title) => ({
  name: `webkit-${where}`,
  title,
  needs: { debian: { "webkit2gtk-driver": "WebKitWebDriver", xvfb: "Xvfb" } },
  where,
  threads: true,
  // WebKitGTK 2.50 ends a page's process by an assertion of its own (jitCompileSIMDFunction in WasmIPIntSlowPaths.cpp), in
  // 7 of 36 runs on a loaded machine, where several threads call a function that is not compiled yet
  crash: /WebProcess CRASHED/,
  version: async () => `WebKitGTK ${(await finish("dpkg-query", ["-W", "-f", "${Version}", "webkit2gtk-driver"])).split("-")[0]}`,
  async launch({ url, temporary }) {
    const display = await openDisplay();
    return {
      command: await find(),
      args: [url],
      env: {
        DISPLAY: display.name,
        HOME: temporary,
        TMPDIR: temporary,
        XDG_RUNTIME_DIR: temporary,
        XDG_CACHE_HOME: join(temporary, "cache"),
        XDG_DATA_HOME: join(temporary, "data"),
        XDG_CONFIG_HOME: join(temporary, "config"),
        GIO_USE_VFS: "local",
        NO_AT_BRIDGE: "1",
        LIBGL_ALWAYS_SOFTWARE: "1",
        WEBKIT_DISABLE_COMPOSITING_MODE: "1",
        JSC_useWasmRelaxedSIMD: "1",
        JSC_useSharedArrayBuffer: "1",
      },
      close: () => display.close(),
    };
  },
});

/** The server picks a free number and tells it on descriptor 3. */
async function openDisplay() {
  const server = start("Xvfb", ["-displayfd", "3", "-nolisten", "tcp", "-screen", "0", "640x480x24"], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const number = new Promise((resolve) => {
    let text = "";
    server.child.stdio[3].setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
      if (text.includes("\n")) resolve(text.trim());
    });
  });
  const found = await Promise.race([number, server.exited.then(() => undefined)]);
  if (found === undefined) throw new Error(`Xvfb did not start: ${server.errors().slice(-400)}`);
  return { name: `:${found}`, close: () => server.stop() };
}

export default [webkit("page", "WebKit page"), webkit("worker", "WebKit Worker")];
