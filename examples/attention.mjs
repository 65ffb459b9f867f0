// The five lines of the README: `npm run build && node examples/attention.mjs`
import { load } from "attention-wasm";

const engine = await load();
const x = { data: Float32Array.from({ length: 6 * 4 }, (_, i) => Math.sin(i)), shape: [6, 4] };
const { output, weights } = engine.attention(x, x, x, { causal: true, returnWeights: true });
console.log(`output ${output.shape.join(" x ")}; each row of weights looks back only:`);
for (let i = 0; i < 6; i++) {
  console.log([...weights.data.subarray(i * 6, (i + 1) * 6)].map((weight) => weight.toFixed(2)).join("  "));
}
