// Rows of a table, as an embedding takes them.
import { Embedding, loadWeights } from "../../build/layers.js";

const ROWS = 512;
const DIM = 256;

export function cases({ engine, tensor }) {
  const layer = new Embedding(engine, { numEmbeddings: ROWS, embeddingDim: DIM });
  loadWeights(layer, { weight: tensor([ROWS, DIM]).toHost() });
  const tokens = engine.tensor({ data: Int32Array.from({ length: ROWS }, (_, i) => (i * 73) % ROWS), shape: [ROWS] });
  return [{ title: `${ROWS} rows of ${DIM}`, elements: ROWS * DIM, run: () => layer.forward(tokens).dispose() }];
}
