// Pictures of attention, as docs/inspect.md shows them: `npm run build && node examples/inspect.mjs [folder]`
import { mkdirSync, writeFileSync } from "node:fs";
import { load } from "attention-wasm";
import * as inspect from "attention-wasm/inspect";

const folder = process.argv[2] ?? "attention-output/inspect";
mkdirSync(folder, { recursive: true });
const write = (name, text) => writeFileSync(`${folder}/${name}`, text);
const engine = await load({ deterministic: true });

// Words as vectors: how often which three letters follow each other, so that words that are spelled alike are near
const tokens = "dogs love chasing a dog that was chased by lovely dogs but not by one who loves the chase".split(" ");
const [heads, length, dim] = [4, tokens.length, 64];
const spelling = tokens.map((word) => {
  const vector = new Float32Array(dim);
  const letters = `<${word}>`;
  for (let i = 0; i + 3 <= letters.length; i++) {
    const code = [...letters.slice(i, i + 3)].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 8191, 7);
    vector[code % dim] += 1;
  }
  return vector;
});

// Four heads: two by spelling, one of them causal; one that looks back one word; one that looks around itself
const words = { data: new Float32Array(heads * length * dim), shape: [heads, length, dim] };
const bias = { data: new Float32Array(heads * length * length), shape: [heads, length, length] };
for (let h = 0; h < heads; h++) {
  for (let i = 0; i < length; i++) {
    if (h < 2) words.data.set(spelling[i], (h * length + i) * dim);
    for (let j = 0; j < length; j++) {
      const hidden = h === 1 && j > i ? -Infinity : 0;
      const place = [0, hidden, -3 * Math.abs(i - 1 - j), -0.4 * Math.abs(i - j)][h];
      bias.data[(h * length + i) * length + j] = place;
    }
  }
}
const layers = [1, 2.5].map((scale) => {
  const options = {
    similarity: "cosine",
    scale: 3 * scale,
    bias,
    returnWeights: true,
    statistics: ["entropy", "mass"],
  };
  return engine.attention(words, words, words, options);
});
const weights = layers.map((layer) => layer.weights);

write("heatmap.svg", inspect.heatmap(weights[1], { tokens, title: "Words that are spelled alike" }));
write("head-grid.svg", inspect.headGrid(weights, { title: "Two layers of four heads" }));
write("token-flow.svg", inspect.tokenFlow(weights[1], { tokens, heads: [0], minimumWeight: 0.05 }));
write("rollout.svg", inspect.heatmap(inspect.attentionRollout(weights), { tokens, title: "Rollout of both layers" }));
write("report.html", inspect.report(weights, { tokens, title: "Words that are spelled alike" }));

// A picture in patches of 8 x 8 pixels, each attending to those that look like it
const size = 96;
const discs = [
  [24, 30, 15],
  [68, 22, 12],
  [60, 70, 18],
];
const pixels = new Uint8Array(size * size * 3);
for (let y = 0; y < size; y++) {
  for (let x = 0; x < size; x++) {
    const inside = discs.some(([cx, cy, r]) => (x - cx) ** 2 + (y - cy) ** 2 < r * r);
    const stripe = (x + y) % 16 < 8 ? 14 : 0;
    pixels.set(inside ? [222 - y, 120, 60 + stripe] : [96 + stripe, 140 + stripe, 120 + y], (y * size + x) * 3);
  }
}
const cells = size / 8;
const patches = { data: new Float32Array(cells * cells * 3), shape: [cells * cells, 3] };
for (let i = 0; i < size * size * 3; i++) {
  const [x, y] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
  patches.data[((y >> 3) * cells + (x >> 3)) * 3 + (i % 3)] += pixels[i] / 64;
}
const looking = 3 * cells + 3;
const seen = engine.attention(patches, patches, patches, {
  similarity: "squared-euclidean",
  scale: 1 / 2000,
  returnWeights: { rows: [looking] },
}).weights;
const picture = { width: size, height: size, data: pixels };
const map = { data: seen.data, shape: [cells, cells] };
write("picture.svg", inspect.heatmap(map, { picture, title: "What a patch of the upper left disc looks at" }));

// Masks that are local and global together
const patterns = [
  ["longformer", "Longformer", inspect.longformerMask({ window: 12, globalTokens: [0, 30] })],
  ["strided", "Sparse Transformer, strided", inspect.stridedMask({ stride: 8 })],
  ["fixed", "Sparse Transformer, fixed", inspect.fixedMask({ stride: 8, summary: 2 })],
  ["big-bird", "BigBird", inspect.bigBirdMask({ length: 64, blockSize: 4, randomBlocks: 2 })],
  ["neighborhood", "Neighbourhoods of 3 x 3 on 8 x 8", inspect.neighborhoodMask({ height: 8, width: 8, kernel: 3 })],
];
for (const [name, title, mask] of patterns) {
  const matrix = inspect.maskMatrix(mask, { queryLength: 64, keyLength: 64 });
  const share = matrix.data.reduce((sum, bit) => sum + bit, 0) / matrix.data.length;
  const subtitle = `64 tokens, ${Math.round(100 * share)}% of the scores`;
  write(`${name}.svg`, inspect.heatmap(matrix, { title, subtitle }));
}

const { mass, entropy } = layers[1].statistics;
const total = mass.data.subarray(0, length);
const most = tokens[total.indexOf(Math.max(...total))];
console.log(
  `head 0 of the second layer looks at "${most}" most, its first row has an entropy of ${entropy.data[0].toFixed(2)} nats`,
);
console.log(`pictures and report.html are in ${folder}`);
