// A Worker of workerd, which imports compiled modules and may not compile bytes: `workerd test`.
import { run } from "bundle.mjs";
import layersRelaxed from "layers-relaxed.wasm";
import layersSimd from "layers-simd.wasm";
import mathRelaxed from "math-relaxed.wasm";
import mathSimd from "math-simd.wasm";
import relaxed from "relaxed.wasm";
import simd from "simd.wasm";

const modules = {
  simd,
  relaxed,
  "layers-simd": layersSimd,
  "layers-relaxed": layersRelaxed,
  "math-simd": mathSimd,
  "math-relaxed": mathRelaxed,
};

export default {
  async test() {
    const report = await run({ runtime: "workerd", load: (name) => modules[name], compiles: false });
    console.log(JSON.stringify(report));
  },
};
