// The models of examples/ in float64, by their equations, from the same weights.
import { additiveAttention, attention } from "../../src/reference/index.js";
import { convolution, pooling } from "../layers/images.js";
import { linear, multiHead, normalize, type Weights } from "../layers/multi-head.js";
import { runCell } from "../layers/recurrent.js";

type Rows = number[][];
const zeros = (n: number): number[] => new Array(n).fill(0);
const flat = (rows: Rows) => ({ data: rows.flat(), shape: [1, rows.length, rows[0]!.length] });
const rowsOf = (data: ArrayLike<number>, width: number): Rows =>
  Array.from({ length: data.length / width }, (_, i) => Array.from({ length: width }, (_, j) => data[i * width + j]!));

/** The weights below a name. */
function below(w: Weights, name: string): Weights {
  const start = `${name}.`;
  return Object.fromEntries(
    Object.entries(w).flatMap(([key, value]) => (key.startsWith(start) ? [[key.slice(start.length), value]] : [])),
  );
}

const map = (w: Weights, name: string, x: number[]) => linear(x, w[`${name}.weight`]!, w[`${name}.bias`]?.data);
const lookUp = (w: Weights, name: string, indices: ArrayLike<number>): Rows => {
  const { data, shape } = w[`${name}.weight`]!;
  const rows = rowsOf(data, shape[1]!);
  return Array.from(indices, (index) => rows[index]!);
};
const plus = (a: number[], b: number[]) => a.map((x, i) => x + b[i]!);

function bidirectional(w: Weights, x: Rows): { outputs: Rows; first: number[] } {
  const H = w["weight_hh_l0"]!.shape[1]!;
  const [forward, backward] = ["l0", "l0_reverse"].map((suffix, i) =>
    runCell("gru", x, w, suffix, H, zeros(H), [], i === 1),
  );
  return { outputs: x.map((_, t) => [...forward!.outputs[t]!, ...backward!.outputs[t]!]), first: backward!.h };
}

/** Logits and weights of each step, for words that were fed: the decoder's own, one late. */
export function recurrentTranslator(w: Weights, source: ArrayLike<number>, fed: number[]) {
  const { outputs: annotations, first } = bidirectional(below(w, "encoder"), lookUp(w, "embedding", source));
  const keys = flat(annotations.map((row) => map(w, "attention.Wk", row)));
  const score = w["attention.v.weight"]!.data;
  let state = map(w, "bridge", first).map(Math.tanh);
  return fed.map((word) => {
    const query = flat([map(w, "attention.Wq", state)]);
    const { output, weights } = additiveAttention(query, keys, flat(annotations), score);
    const context = Array.from(output.data);
    const written = lookUp(w, "target_embedding", [word])[0]!;
    const input = [[...written, ...context]];
    state = runCell("gru", input, below(w, "decoder"), "l0", state.length, state, [], false).h;
    return { logits: map(w, "generator", [...state, ...context, ...written]), weights: Array.from(weights.data) };
  });
}

/** One layer of nn.Transformer with norm_first; `memory` makes it a decoder's. Weights are those of the last attention. */
function transformerLayer(w: Weights, x: Rows, heads: number, memory?: Rows) {
  const norm = (rows: Rows, name: string) => rows.map((row) => normalize(row, "layer", name, w));
  const plan = { heads, kvHeads: heads };
  const causal = { ...plan, sees: (_: number, l: number, s: number) => s <= l };
  const width = x[0]!.length;
  const added = (rows: Rows, output: number[]) => rowsOf(output, width).map((row, i) => plus(row, rows[i]!));
  const inner = norm(x, "norm1");
  let attended = multiHead([inner], [inner], [inner], below(w, "self_attn"), memory ? causal : plan);
  let rows = added(x, attended.output);
  if (memory) {
    attended = multiHead([norm(rows, "norm2")], [memory], [memory], below(w, "multihead_attn"), plan);
    rows = added(rows, attended.output);
  }
  const last = norm(rows, memory ? "norm3" : "norm2");
  const forward = last.map((row) =>
    map(
      w,
      "linear2",
      map(w, "linear1", row).map((v) => Math.max(0, v)),
    ),
  );
  return { rows: rows.map((row, i) => plus(row, forward[i]!)), weights: attended.weights.flat() };
}

/** As above; weights are means over heads, `heads` those of the encoder [heads L L]. */
export function transformerTranslator(w: Weights, source: ArrayLike<number>, fed: number[], heads: number) {
  const placed = (name: string, words: ArrayLike<number>, first: number) => {
    const places = lookUp(
      w,
      "positions",
      Array.from(words, (_, i) => first + i),
    );
    return lookUp(w, name, words).map((row, i) => plus(row, places[i]!));
  };
  const part = (name: string, x: Rows, memory?: Rows) => {
    const own = below(w, `transformer.${name}`);
    const { rows, weights } = transformerLayer(below(own, "layers.0"), x, heads, memory);
    return { rows: rows.map((row) => normalize(row, "layer", "norm", own)), weights };
  };
  const encoded = part("encoder", placed("embedding", source, 0));
  const decoded = part("decoder", placed("target_embedding", fed, 1), encoded.rows);
  const S = source.length;
  const steps = decoded.rows.map((row, l) => ({
    logits: map(w, "generator", row),
    weights: Array.from({ length: S }, (_, s) => {
      let sum = 0;
      for (let h = 0; h < heads; h++) sum += decoded.weights[(h * fed.length + l) * S + s]!;
      return sum / heads;
    }),
  }));
  return { steps, heads: encoded.weights };
}

export function lookingNetwork(w: Weights, planes: { data: Float32Array; shape: readonly number[] }, heads: number) {
  const [, H, W] = planes.shape as [number, number, number];
  const batched = { data: planes.data, shape: [1, ...planes.shape] };
  const geometry = { kernel: [7, 7], stride: [2, 2], padding: [3, 3], dilation: [1, 1] } as const;
  const filters = w["convolution.weight"]!;
  const C = filters.shape[0]!;
  const bias = w["convolution.bias"]!.data;
  const filtered = convolution(batched, filters, bias, 1, geometry, [H / 2, W / 2]).map((v) => Math.max(0, v));
  const size = [H / 4, W / 4] as const;
  const pool = { kernel: [4, 4], stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;
  const most = (values: number[]) => Math.max(...values);
  const features = pooling({ data: filtered, shape: [C, H / 2, W / 2] }, pool, size, most);
  const cells = size[0] * size[1];
  const channels = Array.from({ length: cells }, (_, i) =>
    Array.from({ length: C }, (_, c) => features[c * cells + i]!),
  );
  const both = [...channels.map((x) => x.reduce((a, b) => a + b, 0) / C), ...channels.map((x) => Math.max(...x))];
  const same = { ...geometry, stride: [1, 1] } as const;
  const map = { data: both, shape: [1, 2, ...size] };
  const spatial = convolution(map, w["spatial.weight"]!, w["spatial.bias"]!.data, 1, same, size).map(
    (v) => 1 / (1 + Math.exp(-v)),
  );
  const x = channels.map((row, i) => normalize(row, "layer", "norm", w).map((v) => v * spatial[i]!));
  const { output, weights } = multiHead([x], [x], [x], below(w, "attention"), { heads, kvHeads: heads });
  return { spatial, output: output.map((v, i) => v + x[Math.floor(i / C)]![i % C]!), weights };
}

export function changeDetector(w: Weights, series: ArrayLike<number>) {
  const { outputs } = bidirectional(below(w, "encoder"), rowsOf(series, 1));
  const scores = outputs.map((row) => map(w, "pooling.u", map(w, "pooling.W", row).map(Math.tanh))[0]!);
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((a, b) => a + b, 0);
  const weights = powers.map((power) => power / total);
  const context = outputs[0]!.map((_, d) => outputs.reduce((sum, row, t) => sum + weights[t]! * row[d]!, 0));
  return { levels: map(w, "head", context), weights };
}

export function memoryAutoencoder(w: Weights, patches: { data: Float32Array; shape: readonly number[] }) {
  const codes = rowsOf(patches.data, patches.shape[1]!).map((patch) => map(w, "encoder", patch));
  const { data, shape } = w["memory.weight"]!;
  const memory = { data, shape: [1, 1, ...shape] };
  const query = { data: codes.flat(), shape: [1, 1, codes.length, shape[1]!] };
  const { output, weights } = attention(query, memory, memory, { similarity: "squared-euclidean" });
  return { output: rowsOf(output.data, shape[1]!).flatMap((row) => map(w, "decoder", row)), weights: weights.data };
}
