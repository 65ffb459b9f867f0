// Files put in place whole: whoever reads while a build runs sees the old file or the new one.
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file where it changed. */
export async function place(path, contents, mode) {
  const bytes = Buffer.from(contents);
  const old = await readFile(path).catch(() => undefined);
  if (old?.equals(bytes)) return;
  await mkdir(dirname(path), { recursive: true });
  const whole = `${path}.${process.pid}.tmp`;
  await writeFile(whole, bytes);
  if (mode) await chmod(whole, mode);
  await rename(whole, path);
}
