// The activation functions of ONNX's recurrent operators. What has an exponential in it is computed by the layers' kernels,
// the rest are single operations on float32.
import type { Core } from "../engine/core.js";
import {
  ACTIVATION_ELU,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_RELU,
  ACTIVATION_SIGMOID,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_TANH,
  CONSTANTS,
} from "../layers/abi.generated.js";
import { layerKernels } from "../layers/kernels.js";

export interface Activation {
  readonly name: Name;
  readonly alpha: number;
  readonly beta: number;
}

/** What a function does: first `map` on every element, then a kernel, then `after`. */
interface Steps {
  /** Defaults of alpha and beta, where it has them. */
  readonly alpha?: number;
  readonly beta?: number;
  readonly map?: (x: number, alpha: number, beta: number) => number;
  /** One of ACTIVATION_*, which is given alpha. */
  readonly kernel?: number;
  readonly after?: (x: number, alpha: number) => number;
}

const FUNCTIONS = {
  Relu: { kernel: ACTIVATION_RELU },
  Tanh: { kernel: ACTIVATION_TANH },
  Sigmoid: { kernel: ACTIVATION_SIGMOID },
  Affine: { alpha: 1, beta: 0, map: (x, alpha, beta) => alpha * x + beta },
  LeakyRelu: { alpha: 0.01, kernel: ACTIVATION_LEAKY_RELU },
  ThresholdedRelu: { alpha: 1, map: (x, alpha) => (x >= alpha ? x : 0) },
  ScaledTanh: { alpha: 1, beta: 1, map: (x, _, beta) => beta * x, kernel: ACTIVATION_TANH, after: (x, a) => a * x },
  HardSigmoid: { alpha: 0.2, beta: 0.5, map: (x, alpha, beta) => Math.min(Math.max(alpha * x + beta, 0), 1) },
  Elu: { alpha: 1, kernel: ACTIVATION_ELU },
  Softsign: { map: (x) => x / (1 + Math.abs(x)) },
  Softplus: { kernel: ACTIVATION_SOFTPLUS },
} satisfies Record<string, Steps>;

type Name = keyof typeof FUNCTIONS;

export const NAMES = Object.keys(FUNCTIONS);

export function isActivation(name: string): name is Name {
  return Object.hasOwn(FUNCTIONS, name);
}

/** The defaults of alpha and beta; undefined where a function has none. */
export function takes(name: Name): Pick<Steps, "alpha" | "beta"> {
  const steps: Steps = FUNCTIONS[name];
  return steps;
}

/** n floats at an address = f of them. */
export function activateInPlace(core: Core, activation: Activation, address: number, n: number): void {
  const { name, alpha, beta } = activation;
  const { map, kernel, after }: Steps = FUNCTIONS[name];
  const over = (f: (x: number) => number) => {
    const x = new Float32Array(core.memory.memory.buffer, address, n);
    for (let i = 0; i < n; i++) x[i] = f(x[i]!);
  };
  if (map) over((x) => map(x, alpha, beta));
  if (kernel !== undefined) {
    core.call((scope) => {
      // Softplus takes its beta here
      const factor = name === "Softplus" ? 1 : alpha;
      layerKernels(core).activate(kernel, address, address, n, factor, scope.allocate(CONSTANTS));
    });
  }
  if (after) over((x) => after(x, alpha));
}
