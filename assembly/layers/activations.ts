// Activations, element by element, and the two-operand steps of gated layers and residual connections.
import {
  ACTIVATION_ELU, ACTIVATION_ERF, ACTIVATION_EXP, ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_LEAKY_RELU,
  ACTIVATION_RELU, ACTIVATION_SIGMOID, ACTIVATION_SILU, ACTIVATION_SOFTPLUS, ACTIVATION_TANH, BINARY_ADD, BINARY_LERP, BINARY_MULTIPLY,
} from "./abi";
import { erf, expm1, log1p, normalTail } from "../simd/error-function";
import { exp, madd, storeExpConstants, tanh } from "../simd/math";

/** Room for one vector behind the constants. */
const EDGE: usize = 192;

/** Fills the constants that activations read: CONSTANTS bytes. */
export function prepareActivation(constants: usize): void {
  storeExpConstants(constants, 0);
}

/** 1 / (1 + e^-x) without overflow: t = e^-|x|, then 1 / (1 + t) or t / (1 + t). */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128, constants: usize): v128 {
  const t = exp(f32x4.neg(f32x4.abs(x)), constants);
  const one = f32x4.splat(1);
  const top = v128.bitselect(t, one, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(top, f32x4.add(one, t));
}

@unmanaged @final class Relu {
  // A NaN is kept
  @inline of(x: v128, _a: v128, _c: usize): v128 { return f32x4.max(x, f32x4.splat(0)); }
}
@unmanaged @final class LeakyRelu {
  @inline of(x: v128, a: v128, _c: usize): v128 {
    return v128.bitselect(f32x4.mul(x, a), x, f32x4.lt(x, f32x4.splat(0)));
  }
}
@unmanaged @final class Gelu {
  /** x Phi(x), by the tail of the side where x lies, so that no digits cancel. */
  @inline of(x: v128, _a: v128, c: usize): v128 {
    const half = f32x4.mul(normalTail(f32x4.abs(x), c), f32x4.splat(0.5));
    const phi = v128.bitselect(half, f32x4.sub(f32x4.splat(1), half), f32x4.lt(x, f32x4.splat(0)));
    return f32x4.mul(x, phi);
  }
}
@unmanaged @final class GeluTanh {
  /** 0.5 x (1 + tanh u) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
  @inline of(x: v128, _a: v128, c: usize): v128 {
    const cubic = madd(f32x4.mul(x, x), f32x4.splat(0.07135481), f32x4.splat(1.5957691));
    return f32x4.mul(x, sigmoid(f32x4.mul(x, cubic), c));
  }
}
@unmanaged @final class Silu {
  @inline of(x: v128, a: v128, c: usize): v128 { return f32x4.mul(x, sigmoid(f32x4.mul(x, a), c)); }
}
@unmanaged @final class Tanh {
  @inline of(x: v128, _a: v128, c: usize): v128 { return tanh(x, c); }
}
@unmanaged @final class Sigmoid {
  @inline of(x: v128, _a: v128, c: usize): v128 { return sigmoid(x, c); }
}
@unmanaged @final class Elu {
  @inline of(x: v128, a: v128, c: usize): v128 {
    const below = f32x4.mul(expm1(f32x4.pmin(x, f32x4.splat(0)), c), a);
    return v128.bitselect(x, below, f32x4.gt(x, f32x4.splat(0)));
  }
}
@unmanaged @final class Softplus {
  @inline of(x: v128, a: v128, c: usize): v128 {
    const y = f32x4.mul(x, a);
    const tail = log1p(exp(f32x4.neg(f32x4.abs(y)), c));
    return f32x4.div(f32x4.add(f32x4.max(y, f32x4.splat(0)), tail), a);
  }
}
@unmanaged @final class Erf {
  @inline of(x: v128, _a: v128, c: usize): v128 { return erf(x, c); }
}
@unmanaged @final class Exp {
  /** From t = e^-|x|: t or 1 / t. */
  @inline of(x: v128, _a: v128, c: usize): v128 {
    const t = exp(f32x4.neg(f32x4.abs(x)), c);
    return v128.bitselect(f32x4.div(f32x4.splat(1), t), t, f32x4.gt(x, f32x4.splat(0)));
  }
}

/** to f32 [n] = f(from f32 [n]); in place too. */
function map<F>(from: usize, to: usize, n: i32, alpha: f32, constants: usize): void {
  const f = changetype<F>(0);
  const a = f32x4.splat(alpha);
  const end = from + (<usize>n << 2);
  for (; from + 16 <= end; from += 16, to += 16) v128.store(to, f.of(v128.load(from), a, constants));
  if (from < end) {
    const edge = constants + EDGE;
    v128.store(edge, f32x4.splat(0));
    memory.copy(edge, from, end - from);
    v128.store(edge, f.of(v128.load(edge), a, constants));
    memory.copy(to, edge, end - from);
  }
}

/** to [n] = activation(from [n]), one of ACTIVATION_* but NONE; `constants` as prepareActivation left them. */
export function activateRow(kind: i32, from: usize, to: usize, n: i32, alpha: f32, constants: usize): void {
  if (kind == ACTIVATION_RELU) map<Relu>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_GELU) map<Gelu>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_GELU_TANH) map<GeluTanh>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_SILU) map<Silu>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_TANH) map<Tanh>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_SIGMOID) map<Sigmoid>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_ELU) map<Elu>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_SOFTPLUS) map<Softplus>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_LEAKY_RELU) map<LeakyRelu>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_ERF) map<Erf>(from, to, n, alpha, constants);
  else if (kind == ACTIVATION_EXP) map<Exp>(from, to, n, alpha, constants);
}

/** The same for the host: prepares the constants itself. */
export function activate(kind: i32, from: usize, to: usize, n: i32, alpha: f32, constants: usize): void {
  prepareActivation(constants);
  activateRow(kind, from, to, n, alpha, constants);
}

// @ts-ignore: decorator
@inline
function combine(kind: i32, x: v128, y: v128, alpha: v128, constants: usize): v128 {
  if (kind == BINARY_ADD) return f32x4.add(x, y);
  if (kind == BINARY_MULTIPLY) return f32x4.mul(x, y);
  if (kind == BINARY_LERP) return madd(f32x4.sub(y, x), alpha, x);
  return f32x4.mul(f32x4.mul(x, sigmoid(f32x4.mul(x, alpha), constants)), y);
}

/**
 * to [rows][n] = a combined with b, one of BINARY_*; rows of a, b and to lie aRow, bRow and toRow bytes apart, 0 for one
 * row that all share. `to` may be a or b.
 */
export function combineRows(
  kind: i32, a: usize, aRow: usize, b: usize, bRow: usize, to: usize, toRow: usize, rows: i32, n: i32, alpha: f32,
  constants: usize,
): void {
  storeExpConstants(constants, 0);
  const factor = f32x4.splat(alpha);
  const whole = <usize>(n & ~3) << 2;
  const rest = <usize>(n & 3) << 2;
  const edge = constants + EDGE;
  for (let row = 0; row < rows; row++, a += aRow, b += bRow, to += toRow) {
    for (let at: usize = 0; at < whole; at += 16) {
      v128.store(to + at, combine(kind, v128.load(a + at), v128.load(b + at), factor, constants));
    }
    if (rest) {
      v128.store(edge, f32x4.splat(0));
      v128.store(edge, f32x4.splat(0), 16);
      memory.copy(edge, a + whole, rest);
      memory.copy(edge + 16, b + whole, rest);
      v128.store(edge, combine(kind, v128.load(edge), v128.load(edge, 16), factor, constants));
      memory.copy(to + whole, edge, rest);
    }
  }
}
