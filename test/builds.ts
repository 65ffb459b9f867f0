// The builds this runtime can run; tests of kernels run on each.
import { loadSync, type Build } from "../src/index.js";

export const BUILDS: Build[] = (["simd", "relaxed"] as const).filter((build) => {
  try {
    loadSync({ build }).close();
    return true;
  } catch {
    console.log(`note: this runtime cannot run the ${build} build`);
    return false;
  }
});
