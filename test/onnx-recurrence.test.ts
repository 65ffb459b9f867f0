// ONNX LinearAttention and CausalConvWithState beyond the reference data: random nodes against the operators' texts, dtypes of
// the state, resident tensors, and every message.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type HostTensor, loadSync, type Tensor } from "../src/index.js";
import { CausalConvWithState, LinearAttention, type LinearAttentionAttributes } from "../src/onnx/index.js";
import { narrow, widen } from "../src/onnx/sixteen-bits.js";
import { causalConv1d as convolution, linearAttention as oracle } from "../src/reference/index.js";
import { BUILDS } from "./builds.js";
import { assertWithin } from "./layers/exact.js";
import { generator, tensor } from "./random.js";
import { assertRefusal } from "./refusal.js";

type Host = HostTensor & { data: Float32Array<ArrayBuffer> };
type Inputs = (HostTensor | null)[];

const NODES = 60;
const random = generator(97);
const pick = <T>(...list: T[]): T => list[Math.floor(random() * list.length)]!;
const mapped = (x: Host, f: (x: number) => number): Host => ({ ...x, data: x.data.map(f) });

/** [B, T, heads * size] as [B, heads, T, size], with heads repeated where there is one for all. */
function apart(x: Host, heads: number): Host {
  const [B, T, width] = x.shape as [number, number, number];
  const own = Math.min(heads, width);
  const size = width / own;
  const data = new Float32Array(B * heads * T * size);
  for (let i = 0; i < data.length; i++) {
    const [c, t, h] = [i % size, Math.floor(i / size) % T, Math.floor(i / size / T) % heads];
    data[i] = x.data[((Math.floor(i / size / T / heads) * T + t) * own + (h % own)) * size + c]!;
  }
  return { data, shape: [B, heads, T, size] };
}

/** A node of any rule, and what the operator's text says it gives. */
function randomNode() {
  const rule = pick("linear", "gated", "delta", "gated_delta", undefined);
  const heads = pick(1, 2, 3);
  const queryHeads = heads * pick(1, 2, 3);
  const [B, T, Dk, Dv] = [pick(1, 2), pick(1, 2, 7, 34), pick(1, 3, 8, 20), pick(1, 5, 16, 33)];
  const [gated, delta] = [rule !== "linear" && rule !== "delta", rule !== "linear" && rule !== "gated"];
  const decay = gated ? mapped(tensor(random, B, T, heads * pick(1, Dk)), (x) => -Math.abs(x) / 4) : null;
  const beta = delta ? mapped(tensor(random, B, T, pick(1, heads)), (x) => 1 / (1 + Math.exp(-x))) : null;
  const past = random() < 0.5 ? tensor(random, B, heads, Dk, Dv) : null;
  const query = tensor(random, B, T, queryHeads * Dk);
  const key = mapped(tensor(random, B, T, heads * Dk), (x) => x / Math.sqrt(Dk));
  const value = tensor(random, B, T, heads * Dv);
  const scale = pick(undefined, 0, 0.25);
  const attributes: LinearAttentionAttributes = {
    q_num_heads: pick<number | bigint>(queryHeads, BigInt(queryHeads)),
    kv_num_heads: heads,
    ...(rule && { update_rule: rule }),
    ...(scale !== undefined && { scale }),
    ...(random() < 0.3 && { chunk_size: 16 }),
  };
  const flat = (x: Host): Host => ({ ...x, shape: x.shape.slice(0, 3) });
  const want = oracle(apart(query, queryHeads), apart(key, heads), apart(value, heads), {
    decay: decay && decay.shape[2] !== heads ? apart(decay, heads) : decay ? flat(apart(decay, heads)) : undefined,
    beta: beta ? flat(apart(beta, heads)) : undefined,
    state: past ?? undefined,
    scale: scale || undefined,
  });
  const inputs: Inputs = [query, key, value, past, decay, beta];
  return { inputs, attributes, want, queryHeads, shape: [B, T, queryHeads * Dv] };
}

for (const build of BUILDS) {
  const engine = loadSync({ build });
  const test = suite(`onnx recurrence (${build})`);

  test(`${NODES} random LinearAttention nodes against the operator's text, resident tensors alike`, () => {
    for (let i = 0; i < NODES; i++) {
      const { inputs, attributes, want, queryHeads, shape } = randomNode();
      const [output, present] = LinearAttention<HostTensor>(engine, inputs, attributes);
      assert.equal([output.shape, present.shape], [shape, want.state.shape]);
      for (const [name, got, data] of [
        ["output", apart(output as Host, queryHeads), want.output.data],
        ["present_state", present, want.state.data],
      ] as const) {
        const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        assertWithin(got, data, 3e-6 * largest, `${JSON.stringify(shape)} ${attributes.update_rule}: ${name}`);
      }
      const resident = inputs.map((input) => input && engine.tensor(input));
      const results = LinearAttention<Tensor>(engine, resident, attributes);
      assert.equal(results[0].shape, shape);
      assert.equal(results[0].toHost().data, output.data);
      assert.equal(results[1].toHost().data, present.data);
      for (const each of [...resident, ...results]) each?.dispose();
      assert.is(engine.info.memory.used, 0);
    }
  });

  for (const dtype of ["float16", "bfloat16"] as const) {
    const bits = (...shape: number[]): HostTensor => ({
      data: narrow(tensor(random, ...shape).data, dtype),
      shape,
      dtype,
    });
    const wide = ({ data, shape }: HostTensor): Host => ({
      data: widen(data as Uint16Array, dtype) as Float32Array<ArrayBuffer>,
      shape,
    });

    test(`LinearAttention of ${dtype}: present_state as past_state is, or else as query`, () => {
      const [q, k, v, past] = [bits(1, 3, 8), bits(1, 3, 8), bits(1, 3, 10), bits(1, 2, 4, 5)];
      const attributes = { q_num_heads: 2, kv_num_heads: 2, update_rule: "linear" } as const;
      const [want, state] = LinearAttention<HostTensor>(engine, [q, k, v].map(wide), attributes);
      const rounded = narrow(state.data as Float32Array, dtype);
      const [output, present] = LinearAttention<HostTensor>(engine, [q, k, v], attributes);
      assert.equal([output.dtype, present.dtype], [dtype, dtype]);
      assert.equal(output.data, narrow(want.data as Float32Array, dtype));
      assert.equal(present.data, rounded);
      const resident = [q, k, v].map((x) => engine.tensor(x));
      const results = LinearAttention<Tensor>(engine, resident, attributes);
      assert.equal(results[1].toHost().data, rounded);
      for (const each of [...resident, ...results]) each.dispose();
      assert.is(engine.info.memory.used, 0);
      for (const given of [past, wide(past)]) {
        const next = LinearAttention<HostTensor>(engine, [q, k, v, given], attributes)[1];
        assert.is(next.dtype ?? "float32", given.dtype ?? "float32");
      }
    });

    test(`CausalConvWithState of ${dtype}: rounded before the activation, as the operator's text has it`, () => {
      const [x, weight, bias, past] = [bits(2, 3, 9), bits(3, 1, 4), bits(3), bits(2, 3, 3)];
      const sums = convolution(wide(x), wide(weight), wide(bias), wide(past)).output.data;
      const before = widen(narrow(Float32Array.from(sums), dtype), dtype);
      const want = narrow(
        before.map((y) => y / (1 + Math.exp(-y))),
        dtype,
      );
      const inputs = [x, weight, bias, past];
      const [output, present] = CausalConvWithState<HostTensor>(engine, inputs, { activation: "silu" });
      assert.equal([output.dtype, present.dtype], [dtype, dtype]);
      // A sum next to a tie may be rounded the other way
      const off = want.filter((each, i) => Math.abs(each - (output.data as Uint16Array)[i]!) > 0).length;
      assert.ok(off <= 1, `${off} elements differ`);
      const resident = inputs.map((each) => engine.tensor(each));
      const results = CausalConvWithState<Tensor>(engine, resident, { activation: "swish" });
      assert.equal(results[0].toHost().data, output.data);
      for (const each of [...resident, ...results]) each.dispose();
      assert.is(engine.info.memory.used, 0);
    });
  }

  const q = tensor(random, 2, 4, 24);
  const k = tensor(random, 2, 4, 12);
  const v = tensor(random, 2, 4, 10);
  const decay = tensor(random, 2, 4, 2);
  const beta = tensor(random, 2, 4, 1);
  const both = { q_num_heads: 4, kv_num_heads: 2 };
  const attend =
    (inputs: readonly unknown[], attributes: unknown = { ...both, update_rule: "linear" }) =>
    () =>
      LinearAttention(engine, inputs as Inputs, attributes as LinearAttentionAttributes);
  const x = tensor(random, 2, 3, 6);
  const weight = tensor(random, 3, 1, 4);
  const convolve =
    (inputs: readonly unknown[], attributes: object = {}) =>
    () =>
      CausalConvWithState(engine, inputs as Inputs, attributes);
  const half = (...shape: number[]): HostTensor => ({
    data: new Uint16Array(shape.reduce((a, b) => a * b)),
    shape,
    dtype: "float16",
  });
  const messages: [code: string, message: string, run: () => unknown][] = [
    ["ERR_ARGUMENT_TYPE", "inputs must be an array in the order of the operator: got null", attend(null as never)],
    ["ERR_ARGUMENT_TYPE", "value must be a tensor: got undefined", attend([q, k])],
    ["ERR_VALUE", "LinearAttention has at most 6 inputs: got 7", attend([q, k, v, null, null, null, q])],
    ["ERR_ARGUMENT_TYPE", "attributes must be an object: got null", attend([q, k, v], null)],
    [
      "ERR_UNKNOWN_OPTION",
      "LinearAttention has no attribute 'rule': it has q_num_heads, kv_num_heads, update_rule, scale, chunk_size",
      attend([q, k, v], { ...both, rule: "linear" }),
    ],
    ["ERR_ARGUMENT_TYPE", "q_num_heads must be given", attend([q, k, v], { kv_num_heads: 2 })],
    ["ERR_ARGUMENT_TYPE", "kv_num_heads must be given", attend([q, k, v], { q_num_heads: 2 })],
    [
      "ERR_VALUE",
      "q_num_heads must be an integer of at least 1: got 0",
      attend([q, k, v], { ...both, q_num_heads: 0 }),
    ],
    [
      "ERR_VALUE",
      "chunk_size must be an integer of at least 1: got -1",
      attend([q, k, v], { ...both, chunk_size: -1 }),
    ],
    [
      "ERR_VALUE",
      "q_num_heads must be a multiple of kv_num_heads: got 4 and 3",
      attend([q, k, v], { ...both, kv_num_heads: 3 }),
    ],
    [
      "ERR_VALUE",
      "update_rule must be 'linear', 'gated', 'delta', 'gated_delta': got \"rwkv\"",
      attend([q, k, v], { ...both, update_rule: "rwkv" }),
    ],
    [
      "ERR_ARGUMENT_TYPE",
      "decay must be given with update_rule 'gated_delta'",
      attend([q, k, v, null, null, beta], both),
    ],
    [
      "ERR_ARGUMENT_TYPE",
      "beta must be given with update_rule 'delta'",
      attend([q, k, v], { ...both, update_rule: "delta" }),
    ],
    ["ERR_VALUE", "decay must not be given with update_rule 'linear'", attend([q, k, v, null, decay])],
    [
      "ERR_VALUE",
      "beta must not be given with update_rule 'gated'",
      attend([q, k, v, null, decay, beta], { ...both, update_rule: "gated" }),
    ],
    [
      "ERR_VALUE",
      "scale must be finite: got Infinity",
      attend([q, k, v], { ...both, update_rule: "linear", scale: 1 / 0 }),
    ],
    ["ERR_SHAPE", "query.shape must have 3 axes: got [4, 24]", attend([tensor(random, 4, 24), k, v])],
    [
      "ERR_SHAPE",
      "query.shape[2] must be a multiple of q_num_heads 4: got 22",
      attend([tensor(random, 2, 4, 22), k, v]),
    ],
    ["ERR_SHAPE", "key.shape must be [2, 4, 12]: got [2, 4, 14]", attend([q, tensor(random, 2, 4, 14), v])],
    ["ERR_SHAPE", "value.shape must be [2, 4, 10]: got [2, 5, 10]", attend([q, k, tensor(random, 2, 5, 10)])],
    [
      "ERR_SHAPE",
      "past_state.shape must be [2, 2, 6, 5]: got [2, 2, 5, 6]",
      attend([q, k, v, tensor(random, 2, 2, 5, 6)]),
    ],
    [
      "ERR_SHAPE",
      "decay.shape must be [2, 4, 2 or 12]: got [2, 4, 6]",
      attend([q, k, v, null, tensor(random, 2, 4, 6), beta], both),
    ],
    [
      "ERR_SHAPE",
      "beta.shape must be [2, 4, 2 or 1]: got [2, 4, 4]",
      attend([q, k, v, null, decay, tensor(random, 2, 4, 4)], both),
    ],
    ["ERR_DTYPE", "key must be float32, as query is: got float16", attend([q, half(2, 4, 12), v])],
    ["ERR_ARGUMENT_TYPE", "weight must be a tensor: got undefined", convolve([x])],
    [
      "ERR_UNKNOWN_OPTION",
      "CausalConvWithState has no attribute 'ndim': it has activation",
      convolve([x, weight], { ndim: 1 }),
    ],
    [
      "ERR_VALUE",
      "activation must be 'none', 'silu', 'swish': got \"relu\"",
      convolve([x, weight], { activation: "relu" }),
    ],
    ["ERR_SHAPE", "input.shape must have 3 axes, [B, C, T]: got [3, 6]", convolve([tensor(random, 3, 6), weight])],
    ["ERR_SHAPE", "weight.shape must be [3, 1, K]: got [3, 2, 4]", convolve([x, tensor(random, 3, 2, 4)])],
    ["ERR_SHAPE", "weight.shape[2] must be at least 1: got 0", convolve([x, tensor(random, 3, 1, 0)])],
    ["ERR_SHAPE", "bias.shape must be [3]: got [1]", convolve([x, weight, tensor(random, 1)])],
    [
      "ERR_SHAPE",
      "past_state.shape must be [2, 3, 3]: got [2, 3, 4]",
      convolve([x, weight, null, tensor(random, 2, 3, 4)]),
    ],
    ["ERR_DTYPE", "past_state must be float32, as input is: got float16", convolve([x, weight, null, half(2, 3, 3)])],
  ];
  for (const [code, message, wrong] of messages) {
    test(message, () => assertRefusal(engine, code, message, wrong));
  }

  test("a state on the other side is named, and nothing kept", () => {
    using past = engine.tensor(tensor(random, 2, 2, 6, 5));
    const { used } = engine.info.memory;
    assert.throws(attend([q, k, v, past]), /past_state must be a host tensor, as query is: got a resident Tensor/);
    assert.is(engine.info.memory.used, used);
  });

  test.after(() => engine.close());
  test.run();
}
