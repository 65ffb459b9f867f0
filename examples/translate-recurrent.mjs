// English to French: a recurrent encoder, Bahdanau's attention, a recurrent decoder (Bahdanau, Cho and Bengio 2015).
// `npm run build && node examples/translate-recurrent.mjs [weights.safetensors] [--output folder]`
//
// The same in PyTorch, for weights of your own (V English words, W French, E and H of your choice; here as below):
//   embedding = nn.Embedding(V, E)                      encoder = nn.GRU(E, H, bidirectional=True, batch_first=True)
//   target_embedding = nn.Embedding(W, E)               bridge = nn.Linear(H, H)
//   attention.Wq = nn.Linear(H, A, bias=False)          attention.Wk = nn.Linear(2 * H, A)
//   attention.v = nn.Linear(A, 1, bias=False)           decoder = nn.GRU(E + 2 * H, H, batch_first=True)
//   generator = nn.Linear(3 * H + E, W)
import { AdditiveAttention, Embedding, GRU, Linear, Module, tanh } from "attention-wasm/layers";
import { heatmap, terminalMap } from "attention-wasm/inspect";
import { ENGLISH, FRENCH, SENTENCES, tokens } from "./inputs/lexicon.mjs";
import { matrix, runAsProgram } from "./pipeline.mjs";
import { translatorByHand } from "./weights/translate-recurrent.mjs";

export const SIZES = { embeddingDim: 28, hiddenSize: 28, attentionDim: 2 };

export class RecurrentTranslator extends Module {
  constructor(engine, { embeddingDim: E, hiddenSize: H, attentionDim } = SIZES) {
    super(engine);
    this.engine = engine;
    const embedding = (numEmbeddings) => new Embedding(engine, { numEmbeddings, embeddingDim: E });
    const linear = (inFeatures, outFeatures) => new Linear(engine, { inFeatures, outFeatures });
    this.embedding = this.child("embedding", () => embedding(ENGLISH.length));
    this.encoder = this.child("encoder", () => new GRU(engine, { inputSize: E, hiddenSize: H, bidirectional: true }));
    this.bridge = this.child("bridge", () => linear(H, H));
    this.targetEmbedding = this.child("target_embedding", () => embedding(FRENCH.length));
    this.attention = this.child(
      "attention",
      () => new AdditiveAttention(engine, { queryDim: H, keyDim: 2 * H, attentionDim }),
    );
    this.decoder = this.child("decoder", () => new GRU(engine, { inputSize: E + 2 * H, hiddenSize: H }));
    this.generator = this.child("generator", () => linear(3 * H + E, FRENCH.length));
  }

  /** source [L] -> annotations [L, 2H], what the encoder says of each word, and the decoder's first state [1, H] */
  encode(source) {
    const { output, hN } = this.encoder.forward(this.embedding.forward(source));
    // The backward direction has read the first word last
    const H = hN.shape.at(-1);
    const first = this.bridge.forward({ data: hN.data.subarray(H), shape: [1, H] });
    return { annotations: output, state: tanh(this.engine, first) };
  }

  /** One word: attention from the state so far, then the next state, then logits [1, W] from all of it. */
  step(word, state, annotations) {
    const { context, weights } = this.attention.forward(state, annotations, annotations, { returnWeights: true });
    const written = this.targetEmbedding.forward({ data: Int32Array.of(word), shape: [1] });
    const { output } = this.decoder.forward(joined(written, context), { h0: state });
    return { logits: this.generator.forward(joined(output, context, written)), state: output, weights };
  }

  /** The likeliest word each time, until the full stop. */
  translate(sentence, { maxWords = 2 * sentence.split(" ").length } = {}) {
    let { annotations, state } = this.encode(tokens(sentence));
    const words = [];
    const weights = [];
    const logits = [];
    let word = 0;
    while (FRENCH[word] !== "." && words.length < maxWords) {
      const next = this.step(word, state, annotations);
      state = next.state;
      word = next.logits.data.indexOf(Math.max(...next.logits.data));
      words.push(FRENCH[word]);
      logits.push(next.logits.data);
      weights.push(next.weights.data);
    }
    return { words, weights: matrix(weights), logits: matrix(logits) };
  }
}

/** Rows side by side: [1, a], [1, b] -> [1, a + b] */
function joined(...rows) {
  const data = Float32Array.from(rows.flatMap(({ data }) => [...data]));
  return { data, shape: [1, data.length] };
}

await runAsProgram(
  import.meta,
  (engine) => new RecurrentTranslator(engine),
  translatorByHand,
  (model) => {
    for (const sentence of SENTENCES) console.log(`${sentence}\n${model.translate(sentence).words.join(" ")}\n`);
    const { words, weights } = model.translate(SENTENCES[0]);
    const options = {
      queryTokens: words,
      keyTokens: SENTENCES[0].split(" "),
      queryTitle: "French",
      keyTitle: "English",
    };
    console.log(terminalMap(weights, { color: false, scale: "linear" }));
    const title = "What each French word was read from";
    return { "translate-recurrent.svg": heatmap(weights, { ...options, title, scale: "linear" }) };
  },
);
