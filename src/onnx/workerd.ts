// attention-wasm/onnx in Cloudflare Workers and other hosts on workerd, with the kernels of the layers that operators use.
import relaxed from "./layers-relaxed.wasm";
import simd from "./layers-simd.wasm";
import { importedModules } from "../layers/kernels.js";

importedModules((build) => (build === "simd" ? simd : relaxed));

export * from "./index.js";
