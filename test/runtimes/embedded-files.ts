// Stands in for node:fs and node:path in the bundle: runtimes without files find the reference cases inside it.
import torch from "../conformance/torch.zip";

const FILES: Record<string, Uint8Array<ArrayBuffer>> = { "test/conformance/torch.zip": torch };

export function existsSync(path: string): boolean {
  return path in FILES;
}

export function readFileSync(path: string): Uint8Array<ArrayBuffer> {
  const bytes = FILES[path];
  if (!bytes) throw new Error(`${path} is not in the bundle`);
  return bytes;
}

export function join(...parts: string[]): string {
  return parts.join("/");
}
