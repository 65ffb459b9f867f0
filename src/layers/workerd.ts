// attention-wasm/layers in Cloudflare Workers and other hosts on workerd: they forbid compiling, and give a Module for an import.
import relaxed from "./layers-relaxed.wasm";
import simd from "./layers-simd.wasm";
import { importedModules } from "./kernels.js";

importedModules((build) => (build === "simd" ? simd : relaxed));

export * from "./index.js";
