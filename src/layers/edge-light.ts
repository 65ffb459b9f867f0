// attention-wasm/layers in edge functions (Vercel, Next.js), which run the simd build.
import simd from "./layers-simd.wasm?module";
import { importedModules } from "./kernels.js";

importedModules((build) => (build === "simd" ? simd : undefined));

export * from "./index.js";
