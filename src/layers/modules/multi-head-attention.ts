// Multi-head attention (Vaswani et al. 2017, section 3.2.2) with everything of torch.nn.MultiheadAttention, and Keras's
// additions. Keys and values may have fewer heads (Ainslie et al. 2023).
import type { AnyTensor, AttentionOptions } from "../../attention/options.js";
import { KVCache } from "../../cache/kv-cache.js";
import { boolean, choice, integer, knownOptions } from "../../checks.js";
import { composite } from "../../composite.js";
import type { Engine } from "../../engine.js";
import { show, wrongKind, wrongValue } from "../../errors.js";
import { floatCode, type Operand, operand, sameDType } from "../../operand.js";
import { showShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { checkCache, projected, runCached, runProjected } from "../cached.js";
import { type Heads, runHeads } from "../heads.js";
import { MASK_NAMES, resolveMasks } from "../masks.js";
import { Module } from "../module.js";
import { LayerNorm, RMSNorm } from "./normalization.js";
import { Linear } from "./linear.js";
import {
  type MultiHeadAttentionInputs,
  type MultiHeadAttentionOptions,
  type MultiHeadAttentionResult,
  OPTIONS,
  PASSED,
  type SequenceSizes,
  sequenceSizes,
} from "./multi-head-options.js";

/**
 * Parameters as PyTorch's: `in_proj_weight` [3E, E] where key and value are as wide as the query, else `q_proj_weight`,
 * `k_proj_weight`, `v_proj_weight`; `in_proj_bias`, `bias_k`, `bias_v`, `out_proj.weight`, `out_proj.bias`. Beyond PyTorch:
 * `scale` [1], `concat_score_weight` [1], `gate_proj.*`, `q_norm.*`, `k_norm.*`.
 */
export class MultiHeadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly batchFirst: boolean;
  readonly #kdim: number;
  readonly #vdim: number;
  /** @internal */
  readonly headDim: number;
  readonly #heads: Heads;

  constructor(engine: Engine, options: MultiHeadAttentionOptions) {
    super(engine);
    knownOptions(options, OPTIONS);
    const E = integer("embedDim", options.embedDim, 1);
    this.embedDim = E;
    this.numHeads = divisor("numHeads", options.numHeads, "embedDim", E);
    this.numKvHeads = divisor("numKvHeads", options.numKvHeads ?? this.numHeads, "numHeads", this.numHeads);
    this.batchFirst = boolean("batchFirst", options.batchFirst ?? false);
    this.#kdim = integer("kdim", options.kdim ?? E, 1);
    this.#vdim = integer("vdim", options.vdim ?? E, 1);
    const flag = (name: "bias" | "addBiasKv" | "addZeroAttn" | "learnedScale" | "gate", preset: boolean) =>
      boolean(name, options[name] ?? preset);
    const bias = flag("bias", true);
    const headDim = E / this.numHeads;
    this.headDim = headDim;
    const width = this.numKvHeads * headDim;
    const joint = width === E && this.#kdim === E && this.#vdim === E;
    if (joint) {
      this.packedParameter("in_proj_weight", [3 * E, E], 3);
    } else {
      this.packedParameter("q_proj_weight", [E, E]);
      this.packedParameter("k_proj_weight", [width, this.#kdim]);
      this.packedParameter("v_proj_weight", [width, this.#vdim]);
    }
    if (bias) this.parameter("in_proj_bias", [E + 2 * width]);
    const addBiasKv = flag("addBiasKv", false);
    if (addBiasKv) {
      this.parameter("bias_k", [1, 1, width]);
      this.parameter("bias_v", [1, 1, width]);
    }
    const scoreMode = choice("scoreMode", options.scoreMode ?? "dot", ["dot", "concat"]);
    const learnedScale = flag("learnedScale", false);
    if (learnedScale) this.parameter("scale", [1]);
    if (scoreMode === "concat") this.parameter("concat_score_weight", [1]);
    const child = { inFeatures: E, outFeatures: E, bias };
    const outProj = this.child("out_proj", () => new Linear(engine, child));
    const gate = flag("gate", false) ? this.child("gate_proj", () => new Linear(engine, child)) : undefined;
    const norm = options.qkNorm === undefined ? undefined : choice("qkNorm", options.qkNorm, ["rms", "layer"]);
    const normOf = (name: string) =>
      this.child(name, () =>
        norm === "rms"
          ? new RMSNorm(engine, { normalizedShape: headDim })
          : new LayerNorm(engine, { normalizedShape: headDim }),
      );
    const { rotary } = options;
    this.#heads = {
      core: this.core,
      heads: this.numHeads,
      kvHeads: this.numKvHeads,
      headDim,
      joint: joint ? this.packed("in_proj_weight") : undefined,
      matrix: (i) =>
        joint
          ? this.packed("in_proj_weight").matrix("in_proj_weight", i)
          : this.matrix(["q_proj_weight", "k_proj_weight", "v_proj_weight"][i]!),
      bias: () => this.optional("in_proj_bias"),
      added: () => [this.optional("bias_k"), this.optional("bias_v")],
      extra: (addBiasKv ? 1 : 0) + (flag("addZeroAttn", false) ? 1 : 0),
      scale: () => (learnedScale ? this.#number("scale") : undefined),
      concat: scoreMode === "concat" ? () => this.#number("concat_score_weight") : undefined,
      gate,
      norms: norm && [normOf("q_norm"), normOf("k_norm")],
      rotary: rotary === true ? {} : rotary || undefined,
      outProj,
      batchFirst: this.batchFirst,
    };
  }

  #number(name: string): number {
    return (this.values(name).toHost().data as Float32Array)[0]!;
  }

  /**
   * @param query [L, N, E], with batchFirst [N, L, E], or [L, E]
   * @param key [S, N, kdim] and value [S, N, vdim], in the same order
   */
  forward<T extends AnyTensor>(
    query: T,
    key: T,
    value: T,
    inputs: MultiHeadAttentionInputs = {},
  ): MultiHeadAttentionResult<T> {
    this.ready();
    knownOptions(inputs, [...MASK_NAMES, ...PASSED, "needWeights", "averageAttnWeights", "cache"]);
    const { cache } = inputs;
    if (cache !== undefined) return this.#forwardCached(query, key, value, cache, inputs);
    const needWeights = boolean("needWeights", inputs.needWeights ?? false);
    const average = boolean("averageAttnWeights", inputs.averageAttnWeights ?? true);
    const { core } = this;
    const operands = [operand(core, "query", query), operand(core, "key", key), operand(core, "value", value)] as const;
    const sizes = this.#check(operands);
    const options = this.prepare(inputs, sizes);
    // Self-attention is one product; the same tensor is brought into memory once
    const given: readonly unknown[] = [query, key, value];
    const first = given.map((tensor) => given.indexOf(tensor));
    const distinct = operands.filter((_, i) => first[i] === i);
    return composite(core, distinct, ["output"], (tensors) => {
      const at = (i: number) => tensors[distinct.indexOf(operands[first[i]!]!)]!;
      const { output, weights } = this.run(at(0), at(1), at(2), options, needWeights, average);
      return { output, ...(weights && { weights }) } as Record<string, Tensor>;
    }) as unknown as MultiHeadAttentionResult<T>;
  }

  #forwardCached<T extends AnyTensor>(
    query: T,
    key: T,
    value: T,
    cache: KVCache,
    inputs: MultiHeadAttentionInputs,
  ): MultiHeadAttentionResult<T> {
    if (!(cache instanceof KVCache)) {
      throw wrongKind("ERR_ARGUMENT_TYPE", `cache must be from engine.kvCache: got ${show(cache)}`);
    }
    if (key !== query || value !== query) {
      throw wrongValue("ERR_VALUE", "with cache, query, key and value must be the same tensor: the new tokens");
    }
    const refused = ["needWeights", "keyLengths", ...MASK_NAMES].find((name) => name in inputs);
    if (refused || this.#heads.extra > 0 || this.#heads.concat) {
      const what = refused ?? "addBiasKv, addZeroAttn or scoreMode 'concat'";
      throw wrongValue("ERR_VALUE", `${what} does not go together with cache`);
    }
    const x = operand(this.core, "query", query);
    const { batch } = this.#check([x, x, x]);
    checkCache(this.#heads, cache, batch);
    const options = this.prepare(inputs, { batch, queries: 1, keys: 1, batched: true });
    return composite(this.core, [x], ["output"], ([tensor]) => ({
      output: this.runCached(tensor!, cache, options),
    })) as unknown as MultiHeadAttentionResult<T>;
  }

  /** @internal New tokens over a cache they are appended to. */
  runCached(x: Tensor, cache: KVCache, options: AttentionOptions, onWeights?: (weights: Tensor) => void): Tensor {
    const scale = this.#heads.scale();
    return runCached(this.#heads, x, cache, { ...options, ...(scale !== undefined && { scale }) }, onWeights);
  }

  /** @internal Keys and values of a sequence, for `runProjected`. */
  project(memory: Tensor): [Tensor, Tensor] {
    return projected(this.#heads, memory);
  }

  /** @internal */
  runProjected(
    x: Tensor,
    memory: readonly [Tensor, Tensor],
    options: AttentionOptions,
    onWeights?: (weights: Tensor) => void,
  ): Tensor {
    return runProjected(this.#heads, x, memory, options, onWeights);
  }

  /** @internal Masks and options for tensors of these sizes, checked. */
  prepare(inputs: MultiHeadAttentionInputs, sizes: SequenceSizes, names?: Parameters<typeof resolveMasks>[3]) {
    const { extra } = this.#heads;
    const passed = Object.fromEntries(PASSED.filter((name) => inputs[name] !== undefined).map((n) => [n, inputs[n]]));
    if (extra > 0 && Object.keys(passed).length > 0) {
      const [name] = Object.keys(passed);
      throw wrongValue("ERR_VALUE", `${name} does not go together with addBiasKv and addZeroAttn: use attnMask`);
    }
    const masks = Object.fromEntries(
      MASK_NAMES.filter((name) => inputs[name] !== undefined).map((n) => [n, inputs[n]]),
    );
    return { ...passed, ...resolveMasks(this.core, masks, { ...sizes, heads: this.numHeads, extra }, names) };
  }

  /** @internal float32 tensors in memory, checked; options as `prepare` gave them. */
  run(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionOptions,
    needWeights = false,
    average = true,
  ): { output: Tensor; weights?: Tensor } {
    return runHeads(this.#heads, query, key, value, options, needWeights, average);
  }

  #check(operands: readonly [Operand, Operand, Operand]): SequenceSizes {
    const [query, key, value] = operands;
    for (const each of operands) floatCode(each);
    sameDType(...operands);
    const rank = query.shape.length;
    const widths = [this.embedDim, this.#kdim, this.#vdim];
    for (const [i, { name, shape }] of operands.entries()) {
      const wanted = this.batchFirst ? `[N, L, ${widths[i]}]` : `[L, N, ${widths[i]}]`;
      if (shape.length !== rank || (rank !== 2 && rank !== 3) || shape.at(-1) !== widths[i]) {
        throw wrongValue("ERR_SHAPE", `${name}.shape must be ${wanted} or [L, ${widths[i]}]: got ${showShape(shape)}`);
      }
    }
    const sizes = sequenceSizes(query.shape, key.shape, this.batchFirst);
    const batchAxis = this.batchFirst ? 0 : 1;
    const lengthAxis = rank === 2 ? 0 : 1 - batchAxis;
    for (const other of [key, value]) {
      if (rank === 3 && other.shape[batchAxis] !== sizes.batch) {
        const got = other.shape[batchAxis];
        throw wrongValue(
          "ERR_SHAPE",
          `${other.name}.shape[${batchAxis}] must equal query.shape[${batchAxis}]: expected ${sizes.batch}, got ${got}`,
        );
      }
    }
    if (value.shape[lengthAxis] !== sizes.keys) {
      throw wrongValue(
        "ERR_SHAPE",
        `value.shape[${lengthAxis}] must equal key.shape[${lengthAxis}]: expected ${sizes.keys}, got ${value.shape[lengthAxis]}`,
      );
    }
    return sizes;
  }
}

function divisor(name: string, value: unknown, ofName: string, of: number): number {
  const n = integer(name, value, 1);
  if (of % n !== 0) throw wrongValue("ERR_VALUE", `${name} must divide ${ofName}: got ${n} and ${of}`);
  return n;
}
