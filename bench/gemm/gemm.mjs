// The matrix product of the layers, B packed beforehand as a Linear layer's weight is; `node bench/layers/gemm.mjs` has it
// beside onnxruntime-web.
import { Linear, loadWeights } from "../../build/layers.js";

const SHAPES = [
  [512, 512, 512],
  [128, 768, 3072],
  [1, 768, 3072],
];

export function cases({ engine, tensor }) {
  return SHAPES.map(([M, K, N]) => {
    const layer = new Linear(engine, { inFeatures: K, outFeatures: N, bias: false });
    loadWeights(layer, { weight: tensor([N, K]).toHost() });
    const x = tensor([M, K]);
    return { title: `${M} x ${K} x ${N}`, flops: 2 * M * K * N, run: () => layer.forward(x).dispose() };
  });
}
