// Files that become part of the bundle (scripts/test-runtimes.mjs).
declare module "*.zip" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
