// Tokens appended to a cache that holds them as floats: copied, or rounded to 16 bits.
import { appends } from "./quantise.mjs";

export const cases = (context) => appends(context, ["float32", "float16", "bfloat16"]);
