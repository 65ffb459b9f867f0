// The builds inside the default bundle (docs/decisions/0006).
export { bytes as embeddedBuild } from "attention-wasm:builds";
