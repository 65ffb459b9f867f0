// attention-wasm/onnx beyond the reference data: random nodes against the operator's text, resident tensors, errors.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Engine, type HostTensor, loadSync, type Tensor } from "../src/index.js";
import { Attention, RotaryEmbedding } from "../src/onnx/index.js";
import { attention as oracle } from "../src/reference/index.js";
import { BUILDS } from "./builds.js";
import { numbersOf } from "./conformance/tolerance.js";
import { near, type Operator, refusals } from "./onnx/check-operator.js";
import { type OnnxNode, randomNode } from "./onnx/random-node.js";
import { assertSameBits, hostTensor } from "./properties/arrays.js";
import { Random } from "./properties/random.js";

const NODES = 200;
for (const build of BUILDS) {
  const engine = loadSync({ build });
  const onnx = suite(`onnx (${build})`);

  onnx(`${NODES} random Attention nodes against the operator's text, resident tensors alike`, () => {
    for (let seed = 0; seed < NODES; seed++) checkNode(engine, randomNode(seed));
  });

  onnx("qk_matmul_output is made only where it is asked for", () => {
    const { inputs } = randomNode(0);
    const read = Attention(engine, inputs.slice(0, 3), {});
    assert.is(read.length, 4);
    assert.ok(Object.getOwnPropertyDescriptor(read, 3)?.get, "made before it was read");
    assert.equal(read[3], Attention(engine, inputs.slice(0, 3), {}, 4)[3]);
    assert.is(read[3], read[3]);
    assert.is(Attention(engine, inputs.slice(0, 3), {}, 3).length, 3);
    assert.is(Attention(engine, inputs.slice(0, 3), {}, 4).length, 4);
    assert.is(Attention(engine, inputs.slice(0, 3), { qk_matmul_output_mode: 0 }).length, 4);
    assert.is(Attention(engine, inputs.slice(0, 3), { qk_matmul_output_mode: 0 }, 1).length, 3);
  });

  onnx("integers may come as bigint", () => {
    const { inputs } = randomNode(0);
    const [a] = Attention<HostTensor>(engine, inputs.slice(0, 3), { is_causal: 1n });
    const [b] = Attention<HostTensor>(engine, inputs.slice(0, 3), { is_causal: 1 });
    assertSameBits(a, b, "Y");
  });

  onnx("RotaryEmbedding of three axes is that of four", () => {
    const [B, S, H, D] = [2, 5, 3, 8];
    const random = new Random(1);
    const x = hostTensor(random.normals(B * S * H * D), [B, S, H * D], "float16");
    const cache = () => hostTensor(random.normals(20 * 2), [20, 2], "float16");
    const [cos, sin] = [cache(), cache()];
    const ids = { data: BigInt64Array.from({ length: B * S }, (_, i) => BigInt((i * 7) % 20)), shape: [B, S] };
    const attributes = { interleaved: 1, rotary_embedding_dim: 4 };
    const [flat] = RotaryEmbedding<HostTensor>(engine, [x, cos, sin, ids], { ...attributes, num_heads: H });
    const four = engine.tensor({ ...x, shape: [B, S, H, D] });
    const [apart] = RotaryEmbedding<Tensor>(
      engine,
      [four.permute([0, 2, 1, 3]).contiguous(), cos, sin, ids],
      attributes,
    );
    assert.equal(flat.shape, [B, S, H * D]);
    assert.is(flat.dtype, "float16");
    assertSameBits({ ...apart.permute([0, 2, 1, 3]).toHost(), shape: flat.shape }, flat, "Y");
  });

  onnx("errors name the operator's inputs and attributes", () => checkErrors(engine));
  onnx.after(() => engine.close());
  onnx.run();
}

/** Against scores and masks written out as the operator's text has them. */
function checkNode(engine: Engine, node: OnnxNode): void {
  const { inputs, attributes, operands, visible, bias, where } = node;
  const used = engine.info.memory.used;
  const got = Attention<HostTensor>(engine, inputs, attributes, 4);
  assert.is(engine.info.memory.used, used, `memory in use: ${where}`);

  const { scale, softcap } = attributes;
  const want = oracle(...operands, {
    ...(scale !== undefined && { scale }),
    ...(softcap ? { softcap } : {}),
    ...(bias && { bias }),
    visible,
  });
  near(got[0], node.flatten(want.output), 1e-5, `Y: ${where}`);
  assert.equal(got[0].shape, [...inputs[0]!.shape.slice(0, -1), got[0].shape.at(-1)!], where);
  const stages = [want.stages.scaled, want.stages.capped, want.stages.masked, want.weights];
  near(got[3]!, stages[attributes.qk_matmul_output_mode as number]!.data, 1e-5, `qk_matmul_output: ${where}`);
  for (const output of [got[0], got[3]!]) assert.is(output.dtype, inputs[0]!.dtype, where);
  const [, key, value] = operands;
  for (const [i, present] of [key, value].entries()) {
    if (inputs[4])
      assert.equal(
        [...(numbersOf(got[i + 1] as HostTensor) as Float32Array)],
        [...(present.data as Float32Array)],
        where,
      );
    else assert.is(got[i + 1], null, where);
  }

  const tensors = inputs.map((input) => input && engine.tensor(input));
  const resident = Attention<Tensor>(engine, tensors, attributes, 4);
  got.forEach((output, i) => {
    if (output) assertSameBits(resident[i]!.toHost(), output, `resident output ${i}: ${where}`);
  });
  for (const tensor of [...tensors, ...resident]) tensor?.dispose();
  assert.is(engine.info.memory.used, used, `memory in use: ${where}`);
}

function checkErrors(engine: Engine): void {
  const zeros = (...shape: number[]) => hostTensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
  const half = hostTensor(new Float32Array(48), [1, 2, 3, 8], "float16");
  const q = zeros(1, 2, 3, 8);
  const fails = refusals(engine, Attention as Operator);
  const ids = (...n: number[]) => ({ data: BigInt64Array.from(n, BigInt), shape: [n.length] });
  fails("ERR_UNKNOWN_OPTION", /no attribute 'local_window_size'/, [q, q, q], { local_window_size: 2 });
  fails("ERR_ARGUMENT_TYPE", /^inputs must be an array/, q);
  fails("ERR_ARGUMENT_TYPE", /^V must be a tensor: got undefined/, [q, q]);
  fails("ERR_VALUE", /at most 7 inputs: got 8/, [q, q, q, null, null, null, null, null]);
  fails("ERR_SHAPE", /^K.shape\[3\] must equal Q.shape\[3\]: expected 8, got 4/, [q, zeros(1, 2, 3, 4), q]);
  fails("ERR_SHAPE", /^V.shape\[2\] must equal K.shape\[2\]/, [q, q, zeros(1, 2, 4, 8)]);
  fails("ERR_SHAPE", /^Q.shape\[1\] must be a multiple of K.shape\[1\]: got 2 and 3/, [
    q,
    zeros(1, 3, 3, 8),
    zeros(1, 3, 3, 8),
  ]);
  fails("ERR_SHAPE", /^Q.shape must have 3 or 4 axes/, [zeros(3, 8), zeros(3, 8), zeros(3, 8)]);
  fails("ERR_VALUE", /^q_num_heads must be given/, [zeros(1, 3, 8), zeros(1, 3, 8), zeros(1, 3, 8)], {
    kv_num_heads: 1,
  });
  fails(
    "ERR_SHAPE",
    /^Q.shape\[2\] must be a multiple of q_num_heads 3: got 8/,
    [zeros(1, 3, 8), zeros(1, 3, 8), zeros(1, 3, 8)],
    {
      q_num_heads: 3,
      kv_num_heads: 3,
    },
  );
  fails("ERR_DTYPE", /^K must be float32, as Q is: got float16/, [q, half, q]);
  fails("ERR_ARGUMENT_TYPE", /^past_value must be given together with past_key/, [q, q, q, null, q]);
  fails("ERR_SHAPE", /^past_value.shape must be \[1, 2, 3, 8\]: got \[1, 2, 4, 8\]/, [
    q,
    q,
    q,
    null,
    q,
    zeros(1, 2, 4, 8),
  ]);
  fails("ERR_SHAPE", /^attn_mask.shape must broadcast/, [q, q, q, zeros(2, 3)]);
  fails("ERR_SHAPE", /^attn_mask.shape must broadcast/, [q, q, q, zeros(3, 4)]);
  fails("ERR_DTYPE", /^attn_mask must be bool/, [q, q, q, { data: new Int32Array(9), shape: [3, 3] }]);
  fails("ERR_SHAPE", /^nonpad_kv_seqlen.shape must be \[1\]/, [q, q, q, null, null, null, ids(1, 2)]);
  fails("ERR_VALUE", /^nonpad_kv_seqlen\[0\] must lie in 0 to 3/, [q, q, q, null, null, null, ids(4)]);
  fails("ERR_VALUE", /^nonpad_kv_seqlen must not be given together/, [q, q, q, null, q, q, ids(3)]);
  fails("ERR_VALUE", /^qk_matmul_output_mode must be 0, 1, 2 or 3: got 4/, [q, q, q], { qk_matmul_output_mode: 4 });
  fails("ERR_VALUE", /^is_causal must be 0 or 1: got 2/, [q, q, q], { is_causal: 2 });
  fails("ERR_ARGUMENT_TYPE", /^scale must be a number: got "1"/, [q, q, q], { scale: "1" });
  fails("ERR_VALUE", /^left_window_size must be -1, or/, [q, q, q], { left_window_size: -2 });
  fails("ERR_VALUE", /^softmax_precision must be/, [q, q, q], { softmax_precision: 7 });
  const resident = engine.tensor(q);
  fails("ERR_MIXED_KINDS", /^V must be a resident Tensor, as Q is/, [resident, resident, q]);
  resident.dispose();
}
