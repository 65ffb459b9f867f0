// Locals that are never alive together become one, in all functions but the hottest. The compiler would do so in every function
// with shrinkLevel 2; then V8 keeps registers on the stack in the middle of the products. Elsewhere its machine code stays as
// it is, and as fewer locals have smaller numbers that repeat, the builds gzip to 0.4 KB less.
import binaryen from "assemblyscript/binaryen";

/** Files with register tiles: `node --no-liftoff --print-wasm-code` showed a quarter more machine code in some of their functions. */
const TUNED = /\/(products|softmax|mask-rows|channels|gemm)\//;

/** @param bytes a module with the names of its functions; they are gone in the result */
export function fewerLocals(bytes) {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(1);
  for (let i = 0; i < module.getNumFunctions(); i++) {
    const pointer = module.getFunctionByIndex(i);
    const { name, module: imported } = binaryen.getFunctionInfo(pointer);
    if (imported || TUNED.test(name)) continue;
    module.runPassesOnFunction(pointer, ["reorder-locals", "coalesce-locals-learning"]);
  }
  binaryen.setDebugInfo(false);
  const result = module.emitBinary();
  module.dispose();
  return result;
}
