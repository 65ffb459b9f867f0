// Normalisation over rows of a model's width.
import { LayerNorm, RMSNorm, softmax } from "../../build/layers.js";

const ROWS = 128;
const DIM = 768;

export function cases({ engine, tensor }) {
  const x = tensor([ROWS, DIM]);
  const norms = Object.entries({ LayerNorm, RMSNorm }).map(([name, Norm]) => {
    const norm = new Norm(engine, { normalizedShape: DIM });
    return [name, () => norm.forward(x)];
  });
  return [...norms, ["softmax", () => softmax(engine, x)]].map(([name, run]) => ({
    title: `${name}, ${ROWS} rows of ${DIM}`,
    elements: ROWS * DIM,
    run: () => run().dispose(),
  }));
}
