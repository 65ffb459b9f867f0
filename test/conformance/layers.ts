// The torch groups `mha` and `layers` with attention-wasm/layers: one function per op, weights taken from the case by their
// names in the state_dict. And the operators of ONNX that need the kernels of the layers.
import type { Engine, HostTensor } from "../../src/index.js";
import * as layers from "../../src/layers/index.js";
import type { Case } from "./cases.js";
import { input, only, optional, type Results } from "./inputs.js";
import { ONNX_OPERATIONS } from "./onnx.js";

type Operation = (engine: Engine, test: Case) => Results;

/** Attributes by the names our options have. */
function camelCase(
  attributes: Readonly<Record<string, unknown>>,
  leave: readonly string[] = [],
): Record<string, unknown> {
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([name]) => !leave.includes(name))
      .map(([name, value]) => [camel(name), value]),
  );
}

/** Runs a layer with the weights of the case: every input that is not one of `inputs`. */
function withLayer<M extends layers.Module>(
  test: Case,
  layer: M,
  inputs: readonly string[],
  run: (layer: M) => Results,
) {
  try {
    const weights = test.inputs.flatMap((tensor) => (tensor && !inputs.includes(tensor.name) ? [tensor] : []));
    layers.loadWeights(layer, new Map(weights.map((tensor) => [tensor.name, tensor])));
    return run(layer);
  } finally {
    layer.dispose();
  }
}

/** A PyTorch mask: its booleans are true where a pair is not attended. */
function attnMask(mask: HostTensor): layers.AttnMask {
  return mask.dtype === "bool" ? { hidden: mask } : mask;
}

const simple =
  (run: (engine: Engine, x: HostTensor, test: Case) => HostTensor, attributes: readonly string[] = []): Operation =>
  (engine, test) => {
    only(test, ["input"], attributes);
    return { output: run(engine, input(test, "input"), test) };
  };

const ACTIVATIONS: Record<string, (engine: Engine, x: HostTensor) => HostTensor> = {
  relu: layers.relu,
  gelu_erf: layers.gelu,
  gelu_tanh: (engine, x) => layers.gelu(engine, x, { approximate: "tanh" }),
  silu: layers.silu,
  tanh: layers.tanh,
  sigmoid: layers.sigmoid,
  softplus: layers.softplus,
  elu: layers.elu,
  leaky_relu_0p01: layers.leakyRelu,
};

/** A layer with one input, `input`, and one output. */
const layer =
  (
    make: (engine: Engine, options: never) => layers.Module & { forward(x: HostTensor): HostTensor },
    leave: string[] = [],
  ): Operation =>
  (engine, test) =>
    withLayer(test, make(engine, camelCase(test.attributes, leave) as never), ["input"], (module) => ({
      output: module.forward(input(test, "input")),
    }));

export const LAYER_OPERATIONS: Record<string, Operation> = {
  ...Object.fromEntries(Object.entries(ACTIVATIONS).map(([op, f]) => [op, simple((engine, x) => f(engine, x))])),
  activations_at_specials: (engine, test) => {
    only(test, ["input"], []);
    return Object.fromEntries(Object.entries(ACTIVATIONS).map(([name, f]) => [name, f(engine, input(test, "input"))]));
  },
  softmax: simple((engine, x, test) => layers.softmax(engine, x, { axis: test.attributes.dim as number }), ["dim"]),
  log_softmax: simple(
    (engine, x, test) => layers.logSoftmax(engine, x, { axis: test.attributes.dim as number }),
    ["dim"],
  ),
  cross_entropy: (engine, test) => {
    only(test, ["logits", "target"], ["ignore_index", "reduction", "label_smoothing"]);
    const options = camelCase(test.attributes) as layers.CrossEntropyOptions;
    return { loss: layers.crossEntropy(engine, input(test, "logits"), input(test, "target"), options) };
  },
  "nn.Linear": layer((engine, options) => new layers.Linear(engine, options)),
  "nn.Conv2d": layer((engine, options) => new layers.Conv2d(engine, options)),
  "nn.LayerNorm": layer((engine, options) => new layers.LayerNorm(engine, options)),
  RMSNorm: (engine, test) => {
    only(test, ["input", "weight"], ["eps"]);
    const options = { normalizedShape: input(test, "weight").shape, eps: test.attributes.eps as number };
    return withLayer(test, new layers.RMSNorm(engine, options), ["input"], (norm) => ({
      output: norm.forward(input(test, "input")),
    }));
  },
  "nn.Embedding": (engine, test) => {
    only(test, ["indices", "weight"], ["num_embeddings", "embedding_dim", "padding_idx"]);
    const options = camelCase(test.attributes, ["padding_idx"]) as unknown as layers.EmbeddingOptions;
    return withLayer(test, new layers.Embedding(engine, options), ["indices"], (embedding) => ({
      output: embedding.forward(input(test, "indices")),
    }));
  },
  "nn.GRU": recurrent((engine, options) => new layers.GRU(engine, options)),
  "nn.LSTM": recurrent((engine, options) => new layers.LSTM(engine, options)),
  "nn.MultiheadAttention": multiHeadAttention,
  "nn.TransformerEncoderLayer": encoder((engine, options) => new layers.TransformerEncoderLayer(engine, options)),
  "nn.TransformerEncoder": encoder((engine, options) => new layers.TransformerEncoder(engine, options)),
  "nn.TransformerDecoderLayer": decoderLayer,
  bahdanau_attention: bahdanau,
  luong_attention: luong,
  ...ONNX_OPERATIONS,
};

function recurrent(make: (engine: Engine, options: layers.LSTMOptions) => layers.LSTM | layers.GRU): Operation {
  return (engine, test) => {
    const inputs = ["input", "h0", "c0", "lengths"];
    const { packed } = test.attributes;
    const lengths = optional(test, "lengths");
    if ((packed === true) !== (lengths !== undefined)) throw new Error("packed and lengths contradict");
    const options = camelCase(test.attributes, ["packed"]) as unknown as layers.LSTMOptions;
    return withLayer(test, make(engine, options), inputs, (module) => {
      const given = Object.fromEntries(
        ["h0", "c0"].flatMap((name) => (optional(test, name) ? [[name, input(test, name)]] : [])),
      );
      const result = module.forward(input(test, "input"), {
        ...given,
        ...(lengths && { lengths: lengths.data as BigInt64Array }),
      }) as layers.LSTMResult<HostTensor>;
      return { output: result.output, h_n: result.hN, ...(result.cN && { c_n: result.cN }) };
    });
  };
}

function multiHeadAttention(engine: Engine, test: Case): Results {
  const { need_weights, average_attn_weights, self_attention } = test.attributes as Record<string, boolean>;
  const calling = ["need_weights", "average_attn_weights", "self_attention"];
  const options = camelCase(test.attributes, calling) as unknown as layers.MultiHeadAttentionOptions;
  const inputs = ["query", "key", "value", "key_padding_mask", "attn_mask"];
  return withLayer(test, new layers.MultiHeadAttention(engine, options), inputs, (attention) => {
    const query = input(test, "query");
    const [key, value] = self_attention ? [query, query] : [input(test, "key"), input(test, "value")];
    const [mask, padding] = [optional(test, "attn_mask"), optional(test, "key_padding_mask")];
    const { output, weights } = attention.forward(query, key, value, {
      needWeights: need_weights!,
      averageAttnWeights: average_attn_weights!,
      ...(mask && { attnMask: attnMask(mask) }),
      ...(padding && { keyPaddingMask: padding }),
    });
    return { attn_output: output, ...(weights && { attn_output_weights: weights }) };
  });
}

const ENCODER_INPUTS = ["src", "src_mask", "src_key_padding_mask"];

function encoder(
  make: (
    engine: Engine,
    options: layers.TransformerStackOptions,
  ) => layers.TransformerEncoderLayer | layers.TransformerEncoder,
): Operation {
  return (engine, test) => {
    if (test.attributes.dropout !== 0) throw new Error("the tests do not know dropout");
    const { finalNorm, ...options } = camelCase(test.attributes, ["dropout"]) as Record<string, never>;
    const all = { ...options, ...(finalNorm !== undefined && { norm: finalNorm }) } as never;
    return withLayer(test, make(engine, all), ENCODER_INPUTS, (module) => {
      const [mask, padding] = [optional(test, "src_mask"), optional(test, "src_key_padding_mask")];
      return {
        output: module.forward(input(test, "src"), {
          ...(mask && { srcMask: attnMask(mask) }),
          ...(padding && { srcKeyPaddingMask: padding }),
        }),
      };
    });
  };
}

function decoderLayer(engine: Engine, test: Case): Results {
  if (test.attributes.dropout !== 0) throw new Error("the tests do not know dropout");
  const options = camelCase(test.attributes, ["dropout"]) as unknown as layers.TransformerLayerOptions;
  const masks = { tgtMask: "tgt_mask", memoryMask: "memory_mask" };
  const paddings = { tgtKeyPaddingMask: "tgt_key_padding_mask", memoryKeyPaddingMask: "memory_key_padding_mask" };
  const inputs = ["tgt", "memory", ...Object.values(masks), ...Object.values(paddings)];
  return withLayer(test, new layers.TransformerDecoderLayer(engine, options), inputs, (module) => {
    const given = (names: Record<string, string>, f: (mask: HostTensor) => unknown) =>
      Object.entries(names).flatMap(([ours, theirs]) => {
        const mask = optional(test, theirs);
        return mask ? [[ours, f(mask)]] : [];
      });
    const all = Object.fromEntries([...given(masks, attnMask), ...given(paddings, (mask) => mask)]);
    return { output: module.forward(input(test, "tgt"), input(test, "memory"), all) };
  });
}

/** [B, Lk] as a mask over [B, Lq, Lk]. */
function validMask(test: Case): { mask?: HostTensor } {
  const mask = optional(test, "valid_mask");
  if (!mask) return {};
  return { mask: mask.shape.length === 2 ? { ...mask, shape: [mask.shape[0]!, 1, mask.shape[1]!] } : mask };
}

function bahdanau(engine: Engine, test: Case): Results {
  const [attentionDim, queryDim] = input(test, "Wq.weight").shape as [number, number];
  const keyDim = input(test, "Wk.weight").shape[1]!;
  const bias = test.attributes.bias as boolean;
  const options = { queryDim, keyDim, attentionDim, bias };
  const inputs = ["query", "keys", "values", "valid_mask"];
  return withLayer(test, new layers.AdditiveAttention(engine, options), inputs, (attention) => {
    const all = { ...validMask(test), returnWeights: true };
    const { context, weights } = attention.forward(
      input(test, "query"),
      input(test, "keys"),
      input(test, "values"),
      all,
    );
    return { context, weights: weights! };
  });
}

function luong(engine: Engine, test: Case): Results {
  const [query, keys] = [input(test, "query"), input(test, "keys")];
  const score = test.attributes.score as "dot" | "general" | "concat";
  const state = optional(test, "Wc.weight");
  if ((test.attributes.h_tilde === true) !== (state !== undefined)) throw new Error("h_tilde and Wc contradict");
  const options = {
    score,
    queryDim: query.shape.at(-1)!,
    keyDim: keys.shape.at(-1)!,
    ...(score === "concat" && { attentionDim: input(test, "W.weight").shape[0]! }),
    ...(state && { outputDim: state.shape[0]! }),
  };
  const attention = new layers.MultiplicativeAttention(engine, options);
  return withLayer(test, attention, ["query", "keys", "valid_mask"], (module) => {
    const { context, weights, output } = module.forward(query, keys, { ...validMask(test), returnWeights: true });
    return { context, weights: weights!, ...(output && { h_tilde: output }) };
  });
}
