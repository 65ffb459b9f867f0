// An autoencoder whose bottleneck is attention over a memory (Gong et al. 2019, MemAE): every patch of a picture must be put
// together from a few remembered ones, so what was never seen before comes out wrong, and that can be seen.
// `npm run build && node examples/autoencoder.mjs [weights.safetensors] [--output folder]`
//
// The same in PyTorch, for weights of your own (patches of P values, C channels, K things to remember):
//   encoder = nn.Linear(P, C)     memory = nn.Embedding(K, C)     decoder = nn.Linear(C, P)
//   weights = softmax(-torch.cdist(encoder(patches), memory.weight) ** 2)     output = decoder(weights @ memory.weight)
import { encode } from "fast-png";
import { Embedding, Linear, Module } from "attention-wasm/layers";
import { heatmap } from "attention-wasm/inspect";
import { assembled, balloon, inPatches, withKite } from "./inputs/pictures.mjs";
import { runAsProgram } from "./pipeline.mjs";
import { memoryOfBalloon } from "./weights/autoencoder.mjs";

export const SIZES = { patchSize: 4, channels: 12, memories: 128 };

export class MemoryAutoencoder extends Module {
  constructor(engine, { patchSize, channels, memories } = SIZES) {
    super(engine);
    this.engine = engine;
    this.patchSize = patchSize;
    this.memories = memories;
    const values = 3 * patchSize ** 2;
    const linear = (inFeatures, outFeatures) => new Linear(engine, { inFeatures, outFeatures });
    this.encoder = this.child("encoder", () => linear(values, channels));
    this.memory = this.child(
      "memory",
      () => new Embedding(engine, { numEmbeddings: memories, embeddingDim: channels }),
    );
    this.decoder = this.child("decoder", () => linear(channels, values));
  }

  /** patches [N, P] -> `output` [N, P], and `weights` [N, K]: which memories each patch is made of */
  forward(patches) {
    const all = Int32Array.from({ length: this.memories }, (_, i) => i);
    const memory = this.memory.forward({ data: all, shape: [all.length] });
    const options = { similarity: "squared-euclidean", returnWeights: true };
    const { output, weights } = this.engine.attention(this.encoder.forward(patches), memory, memory, options);
    return { output: this.decoder.forward(output), weights };
  }
}

/** How far output is from input in each patch: root of the mean square, of values from -1 to 1. */
export function errors(input, output) {
  const [count, values] = input.shape;
  return Float32Array.from({ length: count }, (_, patch) => {
    let sum = 0;
    for (let i = patch * values; i < (patch + 1) * values; i++) sum += (output.data[i] - input.data[i]) ** 2;
    return Math.sqrt(sum / values);
  });
}

await runAsProgram(
  import.meta,
  (engine) => new MemoryAutoencoder(engine),
  memoryOfBalloon,
  (model) => {
    const changed = withKite(balloon().planes);
    const patches = inPatches(changed, model.patchSize);
    const { output } = model.forward(patches);
    const cells = changed.shape.slice(1).map((size) => size / model.patchSize);
    const [given, remembered] = [patches, output].map((x) => assembled(x, changed.shape, model.patchSize));
    const wrong = errors(patches, output);
    const most = wrong.indexOf(Math.max(...wrong));
    const [row, column] = [Math.floor(most / cells[1]), most % cells[1]];
    console.log(`Least like anything in memory: the patch in row ${row}, column ${column} of ${cells.join(" x ")}`);
    const title = "What the memory cannot explain";
    const map = { data: wrong, shape: cells };
    return {
      "autoencoder-output.png": encode({ ...remembered, channels: 3 }),
      "autoencoder-input.png": encode({ ...given, channels: 3 }),
      "autoencoder-errors.svg": heatmap(map, { picture: given, title, legendTitle: "error", mark: [row, column] }),
    };
  },
);
