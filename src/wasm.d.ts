// The bundler turns a module into its bytes in hexadecimal (the plugin in scripts/build.mjs).
declare module "*.wasm" {
  const digits: string;
  export default digits;
}
