// English to French with a Transformer (Vaswani et al. 2017): encoder, decoder with a KV cache, a word at a time.
// `npm run build && node examples/translate-transformer.mjs [weights.safetensors] [--output folder]`
//
// The same in PyTorch, for weights of your own (V English words, W French; sizes of your choice, here those below):
//   embedding = nn.Embedding(V, E)     target_embedding = nn.Embedding(W, E)     positions = nn.Embedding(maxLength, E)
//   transformer = nn.Transformer(E, nhead, 1, 1, F, norm_first=True, batch_first=True)     generator = nn.Linear(E, W)
// src = embedding(words) + positions(0 ...), tgt = target_embedding(words) + positions(1 ...): the place that is being written.
import { Embedding, Linear, Module, Transformer } from "attention-wasm/layers";
import { heatmap, terminalMap, tokenFlow } from "attention-wasm/inspect";
import { ENGLISH, FRENCH, SENTENCES, START, tokens } from "./inputs/lexicon.mjs";
import { matrix, runAsProgram } from "./pipeline.mjs";
import { transformerByHand } from "./weights/translate-transformer.mjs";

export const SIZES = { dModel: 80, nhead: 4, dimFeedforward: 16, maxLength: 16 };

export class TransformerTranslator extends Module {
  constructor(engine, { dModel, nhead, dimFeedforward, maxLength } = SIZES) {
    super(engine);
    const embedding = (numEmbeddings) => new Embedding(engine, { numEmbeddings, embeddingDim: dModel });
    const sizes = { dModel, nhead, dimFeedforward, numEncoderLayers: 1, numDecoderLayers: 1 };
    this.maxLength = maxLength;
    this.embedding = this.child("embedding", () => embedding(ENGLISH.length));
    this.targetEmbedding = this.child("target_embedding", () => embedding(FRENCH.length));
    this.positions = this.child("positions", () => embedding(maxLength));
    this.transformer = this.child("transformer", () => new Transformer(engine, { ...sizes, normFirst: true }));
    this.generator = this.child(
      "generator",
      () => new Linear(engine, { inFeatures: dModel, outFeatures: FRENCH.length }),
    );
  }

  /** Words as vectors [L, dModel], with the places they stand at. */
  embed(words, embedding, first) {
    const x = embedding.forward(words);
    const at = { data: Int32Array.from(words.data, (_, i) => first + i), shape: words.shape };
    const places = this.positions.forward(at);
    return { data: x.data.map((value, i) => value + places.data[i]), shape: x.shape };
  }

  /** source [L] -> memory [L, dModel]; `onWeights` sees the heads [nhead, L, L] */
  encode(source, onWeights = () => {}) {
    return this.transformer.encoder.forward(this.embed(source, this.embedding, 0), { onWeights });
  }

  /** One word at the end of those in the cache: logits [1, W], and the mean over heads of the weights over the memory [L]. */
  step(word, cache) {
    let weights;
    const onWeights = (heads, name) => {
      if (name === "layers.0.multihead_attn") weights = meanOfHeads(heads);
    };
    const x = this.embed({ data: Int32Array.of(word), shape: [1] }, this.targetEmbedding, cache.length + 1);
    const decoded = this.transformer.decoder.step(x, cache, { onWeights });
    return { logits: this.generator.forward(decoded), weights };
  }

  /** The likeliest word each time, until the full stop. */
  translate(sentence) {
    let heads;
    const memory = this.encode(tokens(`${START} ${sentence}`), (weights) => {
      heads = weights;
    });
    const cache = this.transformer.decoder.cache(memory, { capacity: this.maxLength });
    const words = [];
    const weights = [];
    const logits = [];
    let word = 0;
    while (FRENCH[word] !== "." && cache.length < this.maxLength - 1) {
      const next = this.step(word, cache);
      word = next.logits.data.indexOf(Math.max(...next.logits.data));
      words.push(FRENCH[word]);
      logits.push(next.logits.data);
      weights.push(next.weights);
    }
    cache.dispose();
    return { words, weights: matrix(weights), logits: matrix(logits), heads };
  }
}

/** [H, 1, L] -> [L] */
function meanOfHeads({ data, shape: [H, , L] }) {
  return Float32Array.from({ length: L }, (_, j) => {
    let sum = 0;
    for (let h = 0; h < H; h++) sum += data[h * L + j];
    return sum / H;
  });
}

await runAsProgram(
  import.meta,
  (engine) => new TransformerTranslator(engine),
  transformerByHand,
  (model) => {
    for (const sentence of SENTENCES) console.log(`${sentence}\n${model.translate(sentence).words.join(" ")}\n`);
    const { words, weights, heads } = model.translate(SENTENCES[0]);
    const tokens = [START, ...SENTENCES[0].split(" ")];
    console.log(terminalMap(weights, { color: false, scale: "linear" }));
    const options = { queryTokens: words, keyTokens: tokens, queryTitle: "French", keyTitle: "English" };
    const title = "Cross-attention, the mean of four heads";
    return {
      "translate-transformer.svg": heatmap(weights, { ...options, title, scale: "linear" }),
      "translate-transformer-moves.svg": tokenFlow(heads, {
        tokens,
        heads: [0, 1],
        title: "Encoder: words change places",
      }),
      "translate-transformer-gender.svg": tokenFlow(heads, {
        tokens,
        heads: [2],
        title: "Encoder: words ask for a gender",
      }),
    };
  },
);
