// The builds inside the default bundle: hexadecimal, in blocks that alternate with the other build's (docs/decisions/0006).
import blocks from "attention-wasm:builds";
import type { Build } from "./core.js";
import { fromHexadecimal } from "./hexadecimal.js";

export function embeddedBuild(build: Build): Uint8Array<ArrayBuffer> {
  return fromHexadecimal(blocks.map((block) => block[build]).join(""));
}
