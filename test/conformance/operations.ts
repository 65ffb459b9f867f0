// How a case's operation is computed with the engine: one function per `op`, its results by output name.
// An op, input or attribute that is not known here throws: a case is never passed over.
import { alibiSlopes, type AttentionOptions, Engine, type HostTensor, type RotaryOptions } from "../../src/index.js";
import { Attention, RotaryEmbedding } from "../../src/onnx/index.js";
import type { Case } from "./cases.js";
import { input, only, optional, type Results } from "./inputs.js";
import { LAYER_OPERATIONS } from "./layers.js";
import { byName } from "./onnx.js";
import { scaledDotProduct } from "./scaled-dot-product.js";
import { seed41, seed42, similarityAttention } from "./seed-document.js";

type Operation = (engine: Engine, test: Case) => Results;

const OPERATIONS: Record<string, Operation> = {
  scaled_dot_product_attention: scaledDotProduct,
  similarity_attention: similarityAttention,
  seed_4_1_as_written: seed41,
  seed_4_2_as_written: seed42,
  attention_pooling: (engine, test) => {
    only(test, ["x"], ["score"]);
    return { ...engine.attentionPooling(input(test, "x")) };
  },
  rotary_position_embedding: (engine, test) => {
    only(test, ["input"], ["base", "interleaved", "rotary_dim", "position_offset"]);
    const names = { base: "base", interleaved: "interleaved", rotary_dim: "rotaryDim", position_offset: "offset" };
    const given = Object.entries(names).filter(([name]) => test.attributes[name] !== undefined);
    const options = Object.fromEntries(given.map(([name, option]) => [option, test.attributes[name]]));
    return { output: engine.rotaryEmbedding(input(test, "input"), options as RotaryOptions) };
  },
  alibi_slopes: (_, test) => {
    only(test, [], ["heads"]);
    const heads = test.attributes.heads as number;
    return { output: { data: alibiSlopes(heads), shape: [heads] } };
  },
  bahdanau_attention: bahdanau,
  luong_attention: luong,
  Attention: onnxAttention,
  RotaryEmbedding: onnxRotaryEmbedding,
};

/** What the case's operation gives; every way there is to compute it, the layers' among them. */
export function compute(engine: Engine, test: Case): Results[] {
  const ways = [OPERATIONS[test.op], engine instanceof Engine ? LAYER_OPERATIONS[test.op] : undefined];
  const operations = ways.filter((way) => way !== undefined);
  if (operations.length === 0) throw new Error(`the tests do not know the operation '${test.op}'`);
  return operations.map((operation) => operation(engine, test));
}

/** Whether the oracle, which is no Engine, can compute it. */
export function isForOracle(test: Case): boolean {
  return !(test.op in LAYER_OPERATIONS) || test.op in OPERATIONS;
}

function bahdanau(engine: Engine, test: Case): Results {
  only(test, ["query", "keys", "values", "valid_mask", "Wq.weight", "Wk.weight", "Wk.bias", "v.weight"], ["bias"]);
  const keyBias = optional(test, "Wk.bias");
  if ((test.attributes.bias === true) !== (keyBias !== undefined)) throw new Error("bias and Wk.bias contradict");
  const { output, weights } = engine.additiveAttention(
    input(test, "query"),
    input(test, "keys"),
    input(test, "values"),
    {
      queryWeight: input(test, "Wq.weight"),
      keyWeight: input(test, "Wk.weight"),
      ...(keyBias && { keyBias }),
      scoreWeight: input(test, "v.weight"),
      ...validMask(test),
      returnWeights: true,
    },
  );
  return { context: output, weights: weights! };
}

/** Luong et al. 2015, section 3.1: dot q . k, general q . (W k), concat v . tanh(W [q; k]); the values are the keys. */
function luong(engine: Engine, test: Case): Results {
  only(test, ["query", "keys", "valid_mask", "W.weight", "v.weight", "Wc.weight"], ["score", "h_tilde"]);
  const query = input(test, "query");
  const keys = input(test, "keys");
  const results = (({ output, weights }) => ({ context: output, weights: weights! }))(
    luongScores(engine, test, query, keys),
  );
  if (test.attributes.h_tilde !== true) return results;
  // tanh(Wc [context; query]): the columns of Wc split, and softcap 1 is a tanh
  const joined = input(test, "Wc.weight");
  const size = keys.shape.at(-1)!;
  const fromContext = engine.linear(results.context, columns(joined, 0, size));
  const ones = { data: new Float32Array(1).fill(1), shape: [1, 1] };
  const fromQuery = engine.linear(query, columns(joined, size, joined.shape[1]!));
  const shape = fromQuery.shape;
  const flat = (tensor: HostTensor) => ({ ...tensor, shape: [tensor.data.length, 1] });
  const sum = engine.attentionScores(flat(fromContext), ones, { scale: 1, stage: "masked", bias: flat(fromQuery) });
  const h_tilde = engine.attentionScores(sum, ones, { scale: 1, softcap: 1, stage: "capped" });
  return { ...results, h_tilde: { ...h_tilde, shape } };
}

function luongScores(engine: Engine, test: Case, query: HostTensor, keys: HostTensor) {
  const options = { scale: 1, returnWeights: true, ...validMask(test) } as const;
  switch (test.attributes.score) {
    case "dot":
      return engine.attention(query, keys, keys, options);
    case "general":
      return engine.attention(query, engine.linear(keys, input(test, "W.weight")), keys, options);
    case "concat": {
      const W = input(test, "W.weight");
      const size = query.shape.at(-1)!;
      return engine.additiveAttention(query, keys, keys, {
        queryWeight: columns(W, 0, size),
        keyWeight: columns(W, size, W.shape[1]!),
        scoreWeight: input(test, "v.weight"),
        ...validMask(test),
        returnWeights: true,
      });
    }
    default:
      throw new Error(`the tests do not know the score '${test.attributes.score}'`);
  }
}

/** valid_mask [B, Sk] as a mask over [B, Sq, Sk]; without B it is one already. */
function validMask(test: Case): Pick<AttentionOptions, "mask"> {
  const mask = optional(test, "valid_mask");
  if (!mask) return {};
  return { mask: mask.shape.length === 2 ? { ...mask, shape: [mask.shape[0]!, 1, mask.shape[1]!] } : mask };
}

/** Columns from to end - 1 of a float32 matrix. */
function columns(matrix: HostTensor, from: number, end: number): HostTensor {
  const [rows, width] = matrix.shape as [number, number];
  const data = new Float32Array(rows * (end - from));
  for (let row = 0; row < rows; row++) {
    data.set((matrix.data as Float32Array).subarray(row * width + from, row * width + end), row * (end - from));
  }
  return { data, shape: [rows, end - from] };
}

function onnxAttention(engine: Engine, test: Case): Results {
  return byName(test, Attention<HostTensor>(engine, test.inputs, test.attributes));
}

function onnxRotaryEmbedding(engine: Engine, test: Case): Results {
  return byName(test, RotaryEmbedding<HostTensor>(engine, test.inputs, test.attributes));
}
