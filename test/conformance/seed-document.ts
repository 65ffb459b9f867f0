// The seed document's formula (3.3) and its two printed modules (4.1, 4.2), rebuilt from the engine's operations. What
// is computed here is computed by the engine; this file only moves numbers into place.
import type { AttentionOptions, Engine, HostTensor } from "../../src/index.js";
import type { Case } from "./cases.js";
import { input, only, type Results } from "./inputs.js";

/** Section 3.3: c_i = sum_j a_j softmax_j(s(a_i, a_j)). */
const SIMILARITIES: Record<string, AttentionOptions> = {
  dot: { scale: 1 },
  scaled_dot: {},
  cosine: { similarity: "cosine" },
  neg_euclidean: { similarity: "euclidean" },
  neg_sq_euclidean: { similarity: "squared-euclidean" },
  // As the document prints it: the distance itself, so that the farthest weighs most
  euclidean_literal: { similarity: "euclidean", scale: -1 },
};

export function similarityAttention(engine: Engine, test: Case): Results {
  only(test, ["a"], ["similarity"]);
  const options = SIMILARITIES[test.attributes.similarity as string];
  if (!options) throw new Error(`the tests do not know the similarity '${test.attributes.similarity}'`);
  const a = input(test, "a");
  const { output, weights } = engine.attention(a, a, a, { ...options, returnWeights: true } as const);
  return { c: output, weights };
}

/** The PyTorch module as printed: out[i, j, :] = sum_n w[j, n] x[i, n, :], w = softmax over axis 1 of the row sums. */
export function seed41(engine: Engine, test: Case): Results {
  only(test, ["x"], []);
  const x = input(test, "x");
  if (x.shape.length === 3) return { out: mixBatch(engine, engine.attentionPooling(x).scores, x) };

  // [A, B, N, D]: the softmax runs over B, and weights [A, B, N] meet x with their A at its B
  const [A, B, N, D] = x.shape as [number, number, number, number];
  const scores = engine.attentionPooling({ ...x, shape: [A * B, N, D] }).scores;
  const overB = softmaxOf(engine, transposed({ ...scores, shape: [A, B, N] }));
  const weights = transposed(overB);
  // matmul broadcasts [A] against [A, B]
  const C = Math.max(A, B);
  const data = new Float32Array(A * C * B * D);
  for (let a = 0; a < A; a++) {
    for (let c = 0; c < C; c++) {
      const rows = item({ ...x, shape: [A * B, N, D] }, a * B + (B === 1 ? 0 : c));
      const mixed = engine.linear(item(weights, A === 1 ? 0 : c), item(transposed(rows), 0));
      data.set(mixed.data as Float32Array, (a * C + c) * B * D);
    }
  }
  return { out: { data, shape: [A, C, B, D] } };
}

/** The TensorFlow layer as printed: weights over features, from x^T x, applied to positions; runs only for N = D. */
export function seed42(engine: Engine, test: Case): Results {
  only(test, ["x"], []);
  const x = input(test, "x");
  return { out: mixBatch(engine, engine.attentionPooling(transposed(x)).scores, x) };
}

/** out[i, j, :] = sum_n softmax_n(scores[j, n]) x[i, n, :]: attention whose scores are a bias that all i share. */
function mixBatch(engine: Engine, scores: HostTensor, x: HostTensor): HostTensor {
  const [B, N, D] = x.shape as [number, number, number];
  const { query, key } = blanks(B, B, N);
  const value = { ...x, shape: [B, 1, N, D] };
  const { output } = engine.attention(query, key, value, { bias: scores });
  return { ...output, shape: [B, B, D] };
}

/** Softmax over the last axis of [A, R, C]: the weights of attention whose scores are a bias. */
function softmaxOf(engine: Engine, scores: HostTensor): HostTensor {
  const [A, R, C] = scores.shape as [number, number, number];
  const { query, key } = blanks(A, R, C);
  const bias = { ...scores, shape: [A, 1, R, C] };
  const { weights } = engine.attention(query, key, key, { bias, returnWeights: true });
  return { ...weights, shape: [A, R, C] };
}

/** Queries and keys whose products are 0. */
function blanks(B: number, Sq: number, Sk: number): { query: HostTensor; key: HostTensor } {
  const blank = (S: number) => ({ data: new Float32Array(B * S), shape: [B, 1, S, 1] });
  return { query: blank(Sq), key: blank(Sk) };
}

/** The last two axes swapped; a matrix gets a leading axis. */
function transposed(tensor: HostTensor): HostTensor {
  const [B, R, C] = (tensor.shape.length === 2 ? [1, ...tensor.shape] : tensor.shape) as [number, number, number];
  const from = tensor.data as Float32Array;
  const data = Float32Array.from(from, (_, at) => {
    const [b, within] = [Math.floor(at / (R * C)), at % (R * C)];
    return from[b * R * C + (within % R) * C + Math.floor(within / R)]!;
  });
  return { data, shape: [B, C, R] };
}

/** Matrix b of [B, R, C]. */
function item({ data, shape }: HostTensor, b: number): HostTensor {
  const [, R, C] = shape as [number, number, number];
  return { data: (data as Float32Array).subarray(b * R * C, (b + 1) * R * C), shape: [R, C] };
}
