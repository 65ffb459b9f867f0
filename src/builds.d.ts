// Modules made by the plugin in scripts/build.mjs: a pair of builds, cut into blocks, each in hexadecimal.
declare module "attention-wasm:builds" {
  const blocks: readonly { readonly simd: string; readonly relaxed: string }[];
  export default blocks;
}
declare module "attention-wasm:threaded-builds" {
  const blocks: readonly { readonly simd: string; readonly relaxed: string }[];
  export default blocks;
}
