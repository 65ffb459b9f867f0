// A picture through convolution, spatial attention (Woo et al. 2018, CBAM) and self-attention over its feature map (Wang et al.
// 2018; Vaswani et al. 2017), to maps of what was looked at.
// `npm run build && node examples/image.mjs [weights.safetensors] [--output folder]`
//
// The same in PyTorch, for weights of your own:
//   convolution = nn.Conv2d(3, C, 7, stride=2, padding=3)      x = F.max_pool2d(relu(convolution(picture)), 4, 2, 1)
//   spatial = nn.Conv2d(2, 1, 7, padding=3)      s = sigmoid(spatial(cat([x.mean(0), x.amax(0)])))
//   norm = nn.LayerNorm(C)                       x [H W, C] = norm(x) * s
//   attention = nn.MultiheadAttention(C, heads)  x = x + attention(x, x, x)
import { Conv2d, LayerNorm, maxPool2d, Module, MultiHeadAttention, relu, sigmoid } from "attention-wasm/layers";
import { heatmap } from "attention-wasm/inspect";
import { balloon } from "./inputs/pictures.mjs";
import { runAsProgram } from "./pipeline.mjs";
import { lookingByHand } from "./weights/image.mjs";

export const SIZES = { channels: 16, heads: 2 };

export class LookingNetwork extends Module {
  constructor(engine, { channels, heads } = SIZES) {
    super(engine);
    this.engine = engine;
    const convolution = { inChannels: 3, outChannels: channels, kernelSize: 7, stride: 2, padding: 3 };
    this.convolution = this.child("convolution", () => new Conv2d(engine, convolution));
    const spatial = { inChannels: 2, outChannels: 1, kernelSize: 7, padding: 3 };
    this.spatial = this.child("spatial", () => new Conv2d(engine, spatial));
    this.norm = this.child("norm", () => new LayerNorm(engine, { normalizedShape: channels }));
    this.attention = this.child(
      "attention",
      () => new MultiHeadAttention(engine, { embedDim: channels, numHeads: heads }),
    );
  }

  /**
   * picture [3, H, W] -> `spatial` [H / 4, W / 4], how much each place counts; `cells` [H W / 16, C], what is there; `output`, the
   * same with all places that are like it taken into account
   */
  forward(picture) {
    const { engine } = this;
    const filtered = relu(engine, this.convolution.forward(picture));
    const features = maxPool2d(engine, filtered, { kernelSize: 4, stride: 2, padding: 1 });
    const [channels, height, width] = features.shape;
    const spatial = sigmoid(engine, this.spatial.forward(meanAndMaximum(features)));
    const normed = this.norm.forward(transposed(features, channels, height * width));
    const cells = { data: normed.data.map((x, i) => x * spatial.data[Math.floor(i / channels)]), shape: normed.shape };
    const { output } = this.attention.forward(cells, cells, cells);
    const data = output.data.map((x, i) => x + cells.data[i]);
    return { spatial: { data: spatial.data, shape: [height, width] }, cells, output: { data, shape: cells.shape } };
  }

  /** What one cell looks at: [heads, H / 4, W / 4]. Weights of all cells would be the square of that. */
  look({ cells, spatial }, row, column) {
    const [height, width] = spatial.shape;
    const channels = cells.shape[1];
    const from = (row * width + column) * channels;
    const query = { data: cells.data.subarray(from, from + channels), shape: [1, channels] };
    const { weights } = this.attention.forward(query, cells, cells, { needWeights: true, averageAttnWeights: false });
    return { data: weights.data, shape: [weights.shape[0], height, width] };
  }
}

/** [rows, columns] -> [columns, rows] */
function transposed({ data }, rows, columns) {
  return {
    data: Float32Array.from(data, (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]),
    shape: [columns, rows],
  };
}

/** [C, H, W] -> [2, H, W] */
function meanAndMaximum({ data, shape: [channels, height, width] }) {
  const area = height * width;
  const both = new Float32Array(2 * area);
  for (let i = 0; i < area; i++) {
    let [sum, most] = [0, -Infinity];
    for (let c = 0; c < channels; c++) {
      sum += data[c * area + i];
      most = Math.max(most, data[c * area + i]);
    }
    both[i] = sum / channels;
    both[area + i] = most;
  }
  return { data: both, shape: [2, height, width] };
}

await runAsProgram(
  import.meta,
  (engine) => new LookingNetwork(engine),
  lookingByHand,
  (model) => {
    const { picture, planes } = balloon();
    const seen = model.forward(planes);
    const map = (of, title, options) => heatmap(of, { picture, title, scale: "linear", ...options });
    const lookedAt = (head, mark, title) => map(model.look(seen, ...mark), title, { head, mark });
    return {
      "image-spatial.svg": map(seen.spatial, "Spatial attention: what stands out"),
      "image-stripe.svg": lookedAt(0, [9, 8], "Self-attention of an orange stripe, by colour"),
      "image-sky.svg": lookedAt(0, [3, 27], "Self-attention of the sky, by colour"),
      "image-furrow.svg": lookedAt(1, [27, 22], "Self-attention of a furrow, by edges"),
    };
  },
);
