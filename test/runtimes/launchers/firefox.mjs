import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { finish } from "../matrix/processes.mjs";

/** A profile that starts at once and asks nobody. */
const PREFERENCES = {
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "browser.aboutwelcome.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.enabled": false,
  "app.update.enabled": false,
  "app.normandy.enabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "dom.max_script_run_time": 0,
};

const firefox = (where, title) => ({
  name: `firefox-${where}`,
  title,
  needs: { debian: { "firefox-esr": "firefox-esr" } },
  where,
  threads: true,
  version: async () => (await finish("firefox-esr", ["--version"])).match(/\d[\d.]*\w*/)[0],
  async launch({ url, temporary }) {
    const profile = join(temporary, "profile");
    await mkdir(profile);
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`);
    await writeFile(join(profile, "user.js"), lines.join("\n"));
    return {
      command: "firefox-esr",
      args: ["--headless", "--no-remote", "--profile", profile, url],
      env: { HOME: temporary, TMPDIR: temporary, MOZ_CRASHREPORTER_DISABLE: "1" },
    };
  },
});

export default [firefox("page", "Firefox page"), firefox("worker", "Firefox Worker")];
