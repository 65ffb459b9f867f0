// Masks of attention layers, whichever way they are told, as one boolean mask and one bias of engine.attention.
import type { AnyTensor } from "../attention/options.js";
import type { Core } from "../engine/core.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import type { HostTensor } from "../host-tensor.js";
import { hostData, type Operand, operand } from "../operand.js";
import { showShape } from "../shape.js";
import { Tensor } from "../tensor.js";

/**
 * Which queries see which keys, [L, S] or [N * heads, L, S]. Floats are added to the scores. Booleans need to say what true
 * means: `{ hidden }` that a pair is NOT attended, as in PyTorch; `{ attend }` that it is, as in engine.attention.
 */
export type AttnMask = AnyTensor | { readonly hidden: AnyTensor } | { readonly attend: AnyTensor };

/** Masks of one attention, as callers give them. */
export interface Masks {
  readonly attnMask?: AttnMask;
  /** [N, S]: true = padding, not attended, as in PyTorch; floats are added to the scores. */
  readonly keyPaddingMask?: AnyTensor;
  /** [N, L]: true = a real query; the others attend to nothing (Keras). */
  readonly queryMask?: AnyTensor;
  /** [N, S]: true = a real key (Keras). */
  readonly keyMask?: AnyTensor;
  /** [N, S]: true = a real value (Keras); combined with keyMask. */
  readonly valueMask?: AnyTensor;
}

export const MASK_NAMES = ["attnMask", "keyPaddingMask", "queryMask", "keyMask", "valueMask"] as const;

export interface MaskSizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** Keys put at the end, which everyone attends to. */
  readonly extra: number;
  /** Whether the caller's tensors have the batch axis. */
  readonly batched: boolean;
}

type Shape4 = readonly [number, number, number, number];

/** A mask over [N, H, L, S], broadcast where an axis is 1. */
interface Layer {
  readonly shape: Shape4;
  /** 1 = attend, or what is added. */
  at(index: number): number;
}

/** @param names what messages call attnMask and keyPaddingMask */
export function resolveMasks(
  core: Core,
  masks: Masks,
  sizes: MaskSizes,
  names: Partial<Record<keyof Masks, string>> = {},
): { mask?: HostTensor; bias?: HostTensor } {
  const { batch: N, heads: H, queries: L, keys: S } = sizes;
  const booleans: Layer[] = [];
  const floats: Layer[] = [];
  const nameOf = (key: keyof Masks) => names[key] ?? key;

  /** @param truth what true means; undefined where booleans are refused */
  const add = (argument: Operand, shape: Shape4, truth: "attend" | "hidden" | undefined) => {
    const { name, dtype } = argument;
    const data = hostData(argument);
    if (dtype === "bool") {
      if (!truth) {
        throw wrongKind(
          "ERR_DTYPE",
          `${name} of booleans must say what true means: ${name}: { hidden: mask } as in PyTorch, or { attend: mask }`,
        );
      }
      booleans.push({ shape, at: (i) => (Number(data[i]) === (truth === "attend" ? 1 : 0) ? 1 : 0) });
    } else if (dtype === "float32") {
      floats.push({ shape, at: (i) => data[i] as number });
    } else {
      throw wrongKind("ERR_DTYPE", `${name} must be bool or float32: got ${dtype}`);
    }
  };

  const rowMask = (key: Exclude<keyof Masks, "attnMask">, size: number, shape: Shape4, truth: "attend" | "hidden") => {
    const value = masks[key];
    if (value === undefined) return;
    const argument = operand(core, nameOf(key), value);
    expectShape(argument, sizes.batched ? [[N, size]] : [[size]]);
    if (key !== "keyPaddingMask" && argument.dtype !== "bool") {
      throw wrongKind("ERR_DTYPE", `${argument.name} must be bool: got ${argument.dtype}`);
    }
    add(argument, shape, truth);
  };
  rowMask("keyPaddingMask", S, [N, 1, 1, S], "hidden");
  rowMask("keyMask", S, [N, 1, 1, S], "attend");
  rowMask("valueMask", S, [N, 1, 1, S], "attend");
  rowMask("queryMask", L, [N, 1, L, 1], "attend");
  if (masks.attnMask !== undefined) {
    const { value, truth } = truthOf(nameOf("attnMask"), masks.attnMask);
    const argument = operand(core, nameOf("attnMask"), value);
    expectShape(argument, [
      [L, S],
      [N * H, L, S],
    ]);
    add(argument, argument.shape.length === 2 ? [1, 1, L, S] : [N, H, L, S], truth);
  }

  const whole: Shape4 = [N, H, L, S];
  const mask = merge(booleans, whole, sizes.extra, 1, Math.min);
  const bias = merge(floats, whole, sizes.extra, 0, (a, b) => a + b);
  return {
    ...(mask && { mask: { data: Uint8Array.from(mask.data), shape: mask.shape } }),
    ...(bias && { bias: { data: Float32Array.from(bias.data), shape: bias.shape } }),
  };
}

function truthOf(name: string, given: AttnMask): { value: AnyTensor; truth: "attend" | "hidden" | undefined } {
  if (typeof given !== "object" || given === null) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name} must be a tensor, { hidden } or { attend }: got ${show(given)}`);
  }
  if (given instanceof Tensor || "data" in given) return { value: given, truth: undefined };
  const keys = Object.keys(given);
  if (keys.length !== 1 || (keys[0] !== "hidden" && keys[0] !== "attend")) {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `${name} must be a tensor, { hidden } or { attend }: got an object of ${keys}`,
    );
  }
  return "hidden" in given ? { value: given.hidden, truth: "hidden" } : { value: given.attend, truth: "attend" };
}

function expectShape({ name, shape }: Operand, allowed: readonly (readonly number[])[]): void {
  if (allowed.some((sizes) => showShape(sizes) === showShape(shape))) return;
  throw wrongValue(
    "ERR_SHAPE",
    `${name}.shape must be ${allowed.map(showShape).join(" or ")}: got ${showShape(shape)}`,
  );
}

/** All layers in one, as small as broadcasting lets it be, with `extra` keys of `neutral` behind. */
function merge(
  layers: readonly Layer[],
  whole: Shape4,
  extra: number,
  neutral: number,
  join: (a: number, b: number) => number,
): { data: Float64Array; shape: number[] } | undefined {
  if (layers.length === 0) return undefined;
  const shape = whole.map((size, axis) => (layers.some((layer) => layer.shape[axis] !== 1) ? size : 1));
  const [N, H, L] = shape as [number, number, number];
  const keys = shape[3] === 1 && extra === 0 ? 1 : whole[3];
  const data = new Float64Array(N * H * L * (keys + extra)).fill(neutral);
  for (const { shape: own, at } of layers) {
    const step = own.map((size, axis) => (size === 1 ? 0 : own.slice(axis + 1).reduce((n, next) => n * next, 1)));
    let to = 0;
    for (let n = 0; n < N; n++) {
      for (let h = 0; h < H; h++) {
        for (let l = 0; l < L; l++, to += extra) {
          const row = n * step[0]! + h * step[1]! + l * step[2]!;
          for (let s = 0; s < keys; s++, to++) data[to] = join(data[to]!, at(row + s * step[3]!));
        }
      }
    }
  }
  return { data, shape: [N, H, L, keys + extra] };
}
