// Parameter blocks and codes of the kernels, from where the host has them: { writeBlock, attentionParameters, DTYPE_INT8, ... }.
import { buildSync } from "esbuild";

const contents = `
  export { writeBlock } from "./src/engine/kernels.js";
  export * from "./src/engine/abi.generated.js";
  export { imageParameters } from "./src/layers/abi.generated.js";
`;
const { outputFiles } = buildSync({
  stdin: { contents, resolveDir: process.cwd() },
  bundle: true,
  format: "esm",
  write: false,
});
export const abi = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
