// Activations, element by element.
import { elu, gelu, relu, sigmoid, silu, softplus } from "../../build/layers.js";

const N = 65536;

export function cases({ engine, tensor }) {
  const x = tensor([N]);
  return [
    ["relu", relu],
    ["sigmoid", sigmoid],
    ["silu", silu],
    ["gelu with tanh", (on, input) => gelu(on, input, { approximate: "tanh" })],
    ["elu", elu],
    ["softplus", softplus],
  ].map(([title, activate]) => ({ title, elements: N, run: () => activate(engine, x).dispose() }));
}
