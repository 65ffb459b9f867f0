import { load } from "attention-wasm";

// Letters in common make words alike: each word is the count of each of its letters.
const words = ["attention", "intention", "banana", "bandana", "tension"];
const data = new Float32Array(words.length * 26);
for (const [row, word] of words.entries()) {
  for (const letter of word) data[row * 26 + letter.charCodeAt(0) - 97]++;
}

const engine = await load();
const x = { data, shape: [words.length, 26] };
const { weights } = engine.attention(x, x, x, { similarity: "cosine", scale: 4, returnWeights: true });
const rows = words.map((_, i) => [...weights.data.subarray(i * words.length, (i + 1) * words.length)]);
document.querySelector("#output").textContent = rows
  .map((row) => row.map((weight) => weight.toFixed(2)).join("  "))
  .join("\n");
