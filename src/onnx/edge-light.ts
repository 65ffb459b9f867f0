// attention-wasm/onnx in edge functions (Vercel, Next.js), with the kernels of the layers that operators use.
import simd from "./layers-simd.wasm?module";
import { importedModules } from "../layers/kernels.js";

importedModules((build) => (build === "simd" ? simd : undefined));

export * from "./index.js";
