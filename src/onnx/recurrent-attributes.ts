// The attributes of ONNX RNN, GRU and LSTM, checked.
import { show, wrongKind, wrongValue } from "../errors.js";
import { flagAttribute, integerAttribute, knownAttributes, numberAttribute } from "./inputs.js";
import { type Activation, isActivation, NAMES, takes } from "./recurrent-activations.js";

type Integer = number | bigint;

export interface RecurrentAttributes {
  /** Values for the activations that have an alpha, in their order; where they end, the defaults of the ONNX operators. */
  readonly activation_alpha?: readonly number[];
  /** The same of beta. */
  readonly activation_beta?: readonly number[];
  /** Names of f (RNN), f and g (GRU), or f, g and h (LSTM), of both directions one after the other. */
  readonly activations?: readonly string[];
  /** What goes into an activation is held to -clip .. clip; default: not at all. */
  readonly clip?: number;
  /** Default `'forward'`. */
  readonly direction?: "forward" | "reverse" | "bidirectional";
  /** Default: as R has it. */
  readonly hidden_size?: Integer;
  /** 0 (default): X [T, B, I]; 1: X [B, T, I]. */
  readonly layout?: Integer;
}

export interface GRUAttributes extends RecurrentAttributes {
  /** 1: the reset gate is applied after the linear map, as in PyTorch; 0 (default): before it. */
  readonly linear_before_reset?: Integer;
}

export interface LSTMAttributes extends RecurrentAttributes {
  /** 1: the forget gate is 1 - the input gate; default 0. */
  readonly input_forget?: Integer;
}

export type Cell = "RNN" | "GRU" | "LSTM";

export interface CheckedRecurrent {
  readonly cell: Cell;
  /** Of each direction whether it goes from the end. */
  readonly reversed: readonly boolean[];
  /** Of each direction its activations, f, g, h. */
  readonly activations: readonly (readonly Activation[])[];
  readonly clip: number | undefined;
  /** 0 where absent */
  readonly hiddenSize: number;
  readonly batchFirst: boolean;
  readonly linearBeforeReset: boolean;
  readonly inputForget: boolean;
}

const ATTRIBUTES = [
  "activation_alpha",
  "activation_beta",
  "activations",
  "clip",
  "direction",
  "hidden_size",
  "layout",
] as const;
const OWN: Record<Cell, string[]> = { RNN: [], GRU: ["linear_before_reset"], LSTM: ["input_forget"] };
export const DEFAULTS: Record<Cell, readonly string[]> = {
  RNN: ["Tanh"],
  GRU: ["Sigmoid", "Tanh"],
  LSTM: ["Sigmoid", "Tanh", "Tanh"],
};
const DIRECTIONS = { forward: [false], reverse: [true], bidirectional: [false, true] };

export function checkRecurrent(cell: Cell, attributes: GRUAttributes & LSTMAttributes): CheckedRecurrent {
  knownAttributes(cell, attributes, [...ATTRIBUTES, ...OWN[cell]]);
  const { direction = "forward" } = attributes;
  if (typeof direction !== "string") {
    throw wrongKind("ERR_ARGUMENT_TYPE", `direction must be a string: got ${show(direction)}`);
  }
  if (!Object.hasOwn(DIRECTIONS, direction)) {
    throw wrongValue("ERR_VALUE", `direction must be 'forward', 'reverse' or 'bidirectional': got ${show(direction)}`);
  }
  const reversed = DIRECTIONS[direction];
  const clip = numberAttribute("clip", attributes.clip);
  if (clip !== undefined && clip < 0) throw wrongValue("ERR_VALUE", `clip must be at least 0: got ${clip}`);
  return {
    cell,
    reversed,
    activations: checkActivations(cell, reversed.length, attributes),
    clip,
    hiddenSize: integerAttribute("hidden_size", attributes.hidden_size, 0, (n) => n > 0, "an integer of at least 1"),
    batchFirst: flagAttribute("layout", attributes.layout),
    linearBeforeReset:
      integerAttribute("linear_before_reset", attributes.linear_before_reset, 0, () => true, "an integer") !== 0,
    inputForget: flagAttribute("input_forget", attributes.input_forget),
  };
}

function checkActivations(cell: Cell, directions: number, attributes: RecurrentAttributes): Activation[][] {
  const own = DEFAULTS[cell];
  const count = own.length * directions;
  const names = list("activations", attributes.activations ?? [...own, ...own].slice(0, count), "string") as string[];
  // The default of RNN names both directions, so that a node in one direction may carry it
  if (names.length !== count && names.length !== 2 * own.length) {
    throw wrongValue("ERR_VALUE", `activations must have ${count} names for ${cell}: got ${names.length}`);
  }
  const alphas = list("activation_alpha", attributes.activation_alpha ?? [], "number") as number[];
  const betas = list("activation_beta", attributes.activation_beta ?? [], "number") as number[];
  let [alphasUsed, betasUsed] = [0, 0];
  const all = names.slice(0, count).map((name, i): Activation => {
    if (!isActivation(name)) {
      throw wrongValue("ERR_VALUE", `activations[${i}] must be one of ${NAMES.join(", ")}: got ${show(name)}`);
    }
    const { alpha, beta } = takes(name);
    return {
      name,
      alpha: alpha === undefined ? 0 : (alphas[alphasUsed++] ?? alpha),
      beta: beta === undefined ? 0 : (betas[betasUsed++] ?? beta),
    };
  });
  for (const [name, given, used] of [
    ["activation_alpha", alphas.length, alphasUsed],
    ["activation_beta", betas.length, betasUsed],
  ] as const) {
    if (given > used) {
      throw wrongValue("ERR_VALUE", `${name} must have at most ${used} values for these activations: got ${given}`);
    }
  }
  return Array.from({ length: directions }, (_, d) => all.slice(d * own.length, (d + 1) * own.length));
}

/** An array of strings, or of finite numbers. */
function list(name: string, value: unknown, kind: "string" | "number"): unknown[] {
  const isList = Array.isArray(value) || value instanceof Float32Array;
  const entries = isList ? Array.from(value as ArrayLike<unknown>) : [];
  const fits = (entry: unknown) => typeof entry === kind && (kind === "string" || Number.isFinite(entry));
  if (!isList || !entries.every(fits)) {
    const what = kind === "string" ? "strings" : "finite numbers";
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be an array of ${what}: got ${show(value)}`);
  }
  return entries;
}
