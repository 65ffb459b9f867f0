// Activations as functions of any tensor. Each keeps shape, dtype and side.
import type { AnyTensor } from "../../attention/options.js";
import { choice, float, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import { wrongValue } from "../../errors.js";
import {
  ACTIVATION_ELU,
  ACTIVATION_ERF,
  ACTIVATION_GELU,
  ACTIVATION_GELU_TANH,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_RELU,
  ACTIVATION_SIGMOID,
  ACTIVATION_SILU,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_TANH,
} from "../abi.generated.js";
import { activated } from "../elementwise.js";
import { mapTensor } from "../forward.js";
import { coreOf } from "../load.js";
import type { Activation } from "../product.js";

function apply<T extends AnyTensor>(engine: Engine, x: T, activation: Activation): T {
  const core = coreOf(engine);
  return mapTensor(
    core,
    x,
    () => {},
    (tensor) => activated(core, tensor, activation),
  );
}

/** max(x, 0) */
export function relu<T extends AnyTensor>(engine: Engine, x: T): T {
  return apply(engine, x, { kind: ACTIVATION_RELU });
}

/** x above 0, negativeSlope x below; default 0.01. */
export function leakyRelu<T extends AnyTensor>(engine: Engine, x: T, options: { negativeSlope?: number } = {}): T {
  knownOptions(options, ["negativeSlope"]);
  const { negativeSlope = 0.01 } = options;
  return apply(engine, x, { kind: ACTIVATION_LEAKY_RELU, alpha: float("negativeSlope", negativeSlope) });
}

/** x Phi(x) (Hendrycks and Gimpel 2016): by erf, or `approximate: 'tanh'`. */
export function gelu<T extends AnyTensor>(engine: Engine, x: T, options: { approximate?: "none" | "tanh" } = {}): T {
  knownOptions(options, ["approximate"]);
  const approximate = choice("approximate", options.approximate ?? "none", ["none", "tanh"]);
  return apply(engine, x, { kind: approximate === "tanh" ? ACTIVATION_GELU_TANH : ACTIVATION_GELU });
}

/** x sigmoid(x), also called swish. */
export function silu<T extends AnyTensor>(engine: Engine, x: T): T {
  return apply(engine, x, { kind: ACTIVATION_SILU });
}

export function tanh<T extends AnyTensor>(engine: Engine, x: T): T {
  return apply(engine, x, { kind: ACTIVATION_TANH });
}

/** 1 / (1 + e^-x) */
export function sigmoid<T extends AnyTensor>(engine: Engine, x: T): T {
  return apply(engine, x, { kind: ACTIVATION_SIGMOID });
}

/** x above 0, alpha (e^x - 1) below; default alpha 1 (Clevert, Unterthiner and Hochreiter 2016). */
export function elu<T extends AnyTensor>(engine: Engine, x: T, options: { alpha?: number } = {}): T {
  knownOptions(options, ["alpha"]);
  return apply(engine, x, { kind: ACTIVATION_ELU, alpha: float("alpha", options.alpha ?? 1) });
}

/** log(1 + e^(beta x)) / beta; default beta 1. */
export function softplus<T extends AnyTensor>(engine: Engine, x: T, options: { beta?: number } = {}): T {
  knownOptions(options, ["beta"]);
  const beta = float("beta", options.beta ?? 1);
  if (beta <= 0) throw wrongValue("ERR_VALUE", `beta must be above 0: got ${beta}`);
  return apply(engine, x, { kind: ACTIVATION_SOFTPLUS, alpha: beta });
}

/** 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, within 4 ulp. */
export function erf<T extends AnyTensor>(engine: Engine, x: T): T {
  return apply(engine, x, { kind: ACTIVATION_ERF });
}
