// In a project of yours: `deno add npm:attention-wasm && deno run deno.ts`. It needs no permissions.
import { load } from "attention-wasm";

using engine = await load();
const x = { data: Float32Array.from({ length: 6 * 4 }, (_, i) => Math.sin(i)), shape: [6, 4] };
const { weights } = engine.attention(x, x, x, { causal: true, returnWeights: true });
console.log("each row of weights looks back only:");
for (let i = 0; i < 6; i++) {
  console.log([...weights.data.subarray(i * 6, (i + 1) * 6)].map((weight) => weight.toFixed(2)).join("  "));
}
