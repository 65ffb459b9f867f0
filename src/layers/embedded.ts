// The layers' builds inside the bundle (docs/decisions/0006).
import { bytes } from "attention-wasm:layer-builds";
import type { Build } from "../engine/core.js";

export function embeddedLayers(build: Build, shared: boolean): Uint8Array<ArrayBuffer> {
  return bytes(build, shared);
}
