// The builds inside the default bundle (docs/decisions/0006).
import { bytes } from "attention-wasm:builds";
import type { Build } from "./core.js";

export function embeddedBuild(build: Build): Uint8Array<ArrayBuffer> {
  return bytes(build);
}
