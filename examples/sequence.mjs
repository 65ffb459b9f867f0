// A series of measurements through a GRU in both directions (Cho et al. 2014) and attention pooling (Yang et al. 2016): when
// did the level of the Nile change most, and from what to what?
// `npm run build && node examples/sequence.mjs [weights.safetensors] [--output folder]`
//
// The same in PyTorch, for weights of your own:
//   encoder = nn.GRU(1, H, bidirectional=True, batch_first=True)     head = nn.Linear(2 * H, 2)
//   pooling.W = nn.Linear(2 * H, A)      pooling.u = nn.Linear(A, 1, bias=False)
//   weights = softmax(u(tanh(W(h))))     levels = head(sum over years of weights * h)
import { AttentionPooling, GRU, Linear, Module } from "attention-wasm/layers";
import { FIRST_YEAR, NILE } from "./inputs/nile.mjs";
import { runAsProgram } from "./pipeline.mjs";
import { plot } from "./sequence-plot.mjs";
import { changeByHand } from "./weights/sequence.mjs";

export const SIZES = { hiddenSize: 1, attentionDim: 2 };

export class ChangeDetector extends Module {
  constructor(engine, { hiddenSize, attentionDim } = SIZES) {
    super(engine);
    this.encoder = this.child("encoder", () => new GRU(engine, { inputSize: 1, hiddenSize, bidirectional: true }));
    const sizes = { inputDim: 2 * hiddenSize, attentionDim };
    this.pooling = this.child("pooling", () => new AttentionPooling(engine, sizes));
    this.head = this.child("head", () => new Linear(engine, { inFeatures: 2 * hiddenSize, outFeatures: 2 }));
  }

  /** series [T, 1] of mean 0 and variance 1 -> `levels` [2], before and after, and `weights` [T], when */
  forward(series) {
    const { output } = this.encoder.forward(series);
    const { context, weights } = this.pooling.forward(output, { returnWeights: true });
    const levels = this.head.forward({ data: context.data, shape: [1, context.data.length] });
    return { levels: { data: levels.data, shape: [2] }, weights };
  }
}

/** Numbers as [T, 1] with mean 0 and variance 1, and how to come back from there. */
export function standardized(numbers) {
  const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length);
  const data = Float32Array.from(numbers, (x) => (x - mean) / deviation);
  return { series: { data, shape: [data.length, 1] }, restored: (x) => mean + deviation * x };
}

await runAsProgram(
  import.meta,
  (engine) => new ChangeDetector(engine),
  changeByHand,
  (model) => {
    const { series, restored } = standardized(NILE);
    const { levels, weights } = model.forward(series);
    const when = weights.data.indexOf(Math.max(...weights.data));
    const [before, after] = Array.from(levels.data, (level) => Math.round(restored(level)));
    console.log(
      `Most weight lies on ${FIRST_YEAR + when}: ${before} before, ${after} after, in 10^8 cubic metres a year.`,
    );
    return {
      "sequence.svg": plot({ values: NILE, first: FIRST_YEAR, weights: weights.data, when, levels: [before, after] }),
    };
  },
);
