// The activation functions of ONNX's recurrent operators. What has an exponential in it is computed by the layers' kernels,
// the rest are single operations on float32.
import {
  ACTIVATION_ELU,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_RELU,
  ACTIVATION_SIGMOID,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_TANH,
} from "../layers/abi.generated.js";
import type { LayerKernels } from "../layers/kernels.js";

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

/**
 * n floats at an address = f of them
 * @param floats all of the memory
 * @param constants address of CONSTANTS bytes
 */
export function activateInPlace(
  kernels: LayerKernels,
  floats: Float32Array,
  { name, alpha, beta }: Activation,
  address: number,
  n: number,
  constants: number,
): void {
  const { map, kernel, after }: Steps = FUNCTIONS[name];
  const [first, last] = [address / 4, address / 4 + n];
  if (map) for (let i = first; i < last; i++) floats[i] = map(floats[i]!, alpha, beta);
  // Softplus takes its beta here
  if (kernel !== undefined) kernels.activate(kernel, address, address, n, name === "Softplus" ? 1 : alpha, constants);
  if (after) for (let i = first; i < last; i++) floats[i] = after(floats[i]!, alpha);
}
