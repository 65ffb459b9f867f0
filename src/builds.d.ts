// Modules made by scripts/build/encode.mjs: the builds as text, and what makes bytes of it.
declare module "attention-wasm:builds" {
  export function bytes(build: "simd" | "relaxed"): Uint8Array<ArrayBuffer>;
}
declare module "attention-wasm:threaded-builds" {
  export function bytes(build: "simd" | "relaxed"): Uint8Array<ArrayBuffer>;
}
declare module "attention-wasm:layer-builds" {
  export function bytes(build: "simd" | "relaxed", shared: boolean): Uint8Array<ArrayBuffer>;
}

// Made by scripts/build/report-page.mjs: the page of a report.
declare module "attention-wasm-page:report" {
  export const script: string;
  export const style: string;
}
