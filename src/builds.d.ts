// A module made by the plugin in scripts/build.mjs: both builds, cut into blocks, each in hexadecimal.
declare module "attention-wasm:builds" {
  const blocks: readonly { readonly simd: string; readonly relaxed: string }[];
  export default blocks;
}
