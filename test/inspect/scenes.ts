// The pictures that are kept as reviewed references: numbers by formula, so that no rounding of a kernel changes them.
import {
  attentionRollout,
  bigBirdMask,
  headGrid,
  heatmap,
  longformerMask,
  maskMatrix,
  neighborhoodMask,
  stridedMask,
  tokenFlow,
} from "../../src/inspect/index.js";

const SENTENCE = "The animal did n't cross the street because it was too tired".split(" ");
const n = SENTENCE.length;

/** Weights of 4 heads [4, n, n], causal: looking back one, at itself, at the first token, and where "it" points. */
export function exampleWeights(length = n, heads = 4): { data: Float32Array; shape: number[] } {
  const data = new Float32Array(heads * length * length);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < length; i++) {
      const row = Array.from({ length }, (_, j) =>
        j > i
          ? 0
          : [8 ** -Math.abs(i - 1 - j), 2 ** (j - i), j === 0 ? 1 : 0.05, (1 + ((7 * i + 5 * j) % 11)) / 8][h % 4]! **
            (1 + (h >> 2) / 2),
      );
      if (h % 4 === 3 && i === 8) row[1] = 12;
      const sum = row.reduce((a, b) => a + b, 0);
      for (let j = 0; j < length; j++) data[(h * length + i) * length + j] = row[j]! / sum;
    }
  }
  return { data, shape: [heads, length, length] };
}

const weights = exampleWeights();
const layers = [
  weights,
  {
    data: Float32Array.from(weights.data).map((_, i) => weights.data[(i + n * n) % weights.data.length]!),
    shape: weights.shape,
  },
];

/** A disc on a slope, 24 x 24 pixels. */
const disc = Uint8Array.from({ length: 24 * 24 * 3 }, (_, i) => {
  const [x, y] = [Math.floor(i / 3) % 24, Math.floor(i / 72)];
  return (x - 14) ** 2 + (y - 9) ** 2 < 30 ? [225, 150, 60][i % 3]! : [90, 130, 190][i % 3]! + 3 * y;
});
const spot = Float32Array.from(
  { length: 64 },
  (_, i) => 1 / (1 + ((i % 8) - 4.5) ** 2 + (Math.floor(i / 8) - 2.8) ** 2),
);

const mask = (title: string, attends: Parameters<typeof maskMatrix>[0], length: number, subtitle: string) =>
  heatmap(maskMatrix(attends, { queryLength: length, keyLength: length }), { title, subtitle });

export const SCENES: Record<string, () => string> = {
  heatmap: () => heatmap(weights, { tokens: SENTENCE, head: 3, title: "What each word attends to" }),
  "heatmap-dark": () => heatmap(weights, { tokens: SENTENCE, head: 0, theme: "dark", colors: "cividis", scale: "log" }),
  "heatmap-long": () => heatmap(exampleWeights(200, 2), { head: 1 }),
  "heatmap-scores": () =>
    heatmap({ data: [1, Number.NaN, -Infinity, -2, 3, 0], shape: [2, 3] }, { title: "Scores", legendTitle: "score" }),
  picture: () =>
    heatmap(
      { data: spot, shape: [8, 8] },
      { picture: { width: 24, height: 24, data: disc }, title: "What was looked at" },
    ),
  "head-grid": () => headGrid(layers),
  "token-flow": () => tokenFlow(weights, { tokens: SENTENCE, heads: [3], minimumWeight: 0.1 }),
  "token-flow-heads": () => tokenFlow(weights, { tokens: SENTENCE, minimumWeight: 0.1 }),
  rollout: () => heatmap(attentionRollout(layers), { tokens: SENTENCE, title: "Attention rollout of two layers" }),
  longformer: () =>
    mask("Longformer", longformerMask({ window: 8, globalTokens: [0, 20] }), 48, "window 8, global tokens 0 and 20"),
  strided: () => mask("Sparse Transformer, strided", stridedMask({ stride: 7 }), 48, "stride 7"),
  "big-bird": () =>
    mask(
      "BigBird",
      bigBirdMask({ length: 48, blockSize: 4, randomBlocks: 2, seed: 1 }),
      48,
      "blocks of 4, 2 random ones",
    ),
  neighborhood: () =>
    mask("Neighbourhood attention", neighborhoodMask({ height: 7, width: 7, kernel: 3 }), 49, "7 x 7 cells, kernel 3"),
};
