// ONNX RNN, GRU and LSTM: random nodes against the equations of the operators' texts, in float64; errors.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type HostTensor, loadSync } from "../src/index.js";
import { GRU, LSTM, RNN } from "../src/onnx/index.js";
import { BUILDS } from "./builds.js";
import { guardedEngine } from "./guarded-memory.js";
import { checkOperator, type Operator, refusals } from "./onnx/check-operator.js";
import { recurrentNode } from "./onnx/recurrent-node.js";
import { hostTensor, size } from "./properties/arrays.js";
import { Random } from "./properties/random.js";

const NODES = 150;
const OPERATORS = { RNN, GRU, LSTM };

for (const build of BUILDS) {
  const test = suite(`onnx: recurrent (${build})`);
  const engine = guardedEngine(build);

  test(`${NODES} random nodes against the operators' texts, resident tensors alike`, () => {
    for (let seed = 0; seed < NODES; seed++) {
      const { cell, inputs, attributes, wants, where } = recurrentNode(seed);
      checkOperator(engine, OPERATORS[cell] as Operator, inputs, attributes as never, wants, where, 2e-5);
    }
  });

  test("weights may be resident beside inputs on the host", () => {
    const { inputs, attributes } = recurrentNode(3);
    const operator = OPERATORS[recurrentNode(3).cell] as typeof LSTM;
    const want = operator<HostTensor>(engine, inputs, attributes as never);
    const mixed = inputs.map((input, i) => (i > 0 && input ? engine.tensor(input) : input));
    const got = operator<HostTensor>(engine, mixed, attributes as never);
    assert.equal(got, want);
    for (const tensor of mixed) if (tensor && "dispose" in tensor) tensor.dispose();
  });

  test("no steps: the states stay as they were given", () => {
    const h = hostTensor(new Random(1).normals(6), [1, 2, 3]);
    const zeros = (...shape: number[]) => hostTensor(new Float32Array(size(shape)), shape);
    const [Y, Y_h] = RNN<HostTensor>(engine, [zeros(0, 2, 4), zeros(1, 3, 4), zeros(1, 3, 3), null, null, h]);
    assert.equal(Y.shape, [0, 1, 2, 3]);
    assert.equal(Y_h.data, h.data);
  });

  test("everything is freed", () => assert.is(engine.info.memory.used, 0));
  test.after(() => engine.close());
  test.run();
}

const errors = suite("onnx: recurrent, errors");
errors("name the operator's inputs and attributes", () => {
  const engine = loadSync();
  const zeros = (...shape: number[]) => hostTensor(new Float32Array(size(shape)), shape);
  const half = (...shape: number[]) => hostTensor(new Float32Array(size(shape)), shape, "float16");
  const lengths = (...n: number[]) => ({ data: Int32Array.from(n), shape: [n.length] });
  const fails = refusals(engine, LSTM as Operator);
  const [X, W, R] = [zeros(4, 2, 3), zeros(1, 20, 3), zeros(1, 20, 5)];
  const all = [X, W, R];
  fails("ERR_ARGUMENT_TYPE", /^R must be a tensor: got undefined/, [X, W]);
  fails("ERR_VALUE", /^LSTM has at most 8 inputs: got 9/, [...all, null, null, null, null, null, null]);
  fails("ERR_UNKNOWN_OPTION", /^LSTM has no attribute 'linear_before_reset'/, all, { linear_before_reset: 1 });
  fails("ERR_SHAPE", /^X.shape must be \[sequence, batch, input\]: got \[4, 3\]/, [zeros(4, 3), W, R]);
  fails("ERR_SHAPE", /^X.shape must be \[batch, sequence, input\]/, [zeros(4, 3), W, R], { layout: 1 });
  fails("ERR_SHAPE", /^R.shape must be \[directions, gates \* hidden, hidden\]: got \[20, 5\]/, [X, W, zeros(20, 5)]);
  fails("ERR_SHAPE", /^R.shape\[2\] must be at least 1: got 0/, [X, W, zeros(1, 0, 0)]);
  fails("ERR_SHAPE", /^R.shape\[2\] must equal hidden_size: expected 4, got 5/, all, { hidden_size: 4 });
  fails("ERR_SHAPE", /^R.shape must be \[2, 20, 5\]: got \[1, 20, 5\]/, all, { direction: "bidirectional" });
  fails("ERR_SHAPE", /^W.shape must be \[1, 20, 3\]: got \[1, 20, 4\]/, [X, zeros(1, 20, 4), R]);
  fails("ERR_SHAPE", /^B.shape must be \[1, 40\]: got \[1, 20\]/, [...all, zeros(1, 20)]);
  fails("ERR_SHAPE", /^sequence_lens.shape must be \[2\]: got \[3\]/, [...all, null, lengths(1, 2, 3)]);
  fails("ERR_VALUE", /^sequence_lens\[1\] must lie in 0 to 4, the steps of X: got 5/, [...all, null, lengths(1, 5)]);
  fails("ERR_DTYPE", /^sequence_lens must be int32: got float32/, [...all, null, zeros(2)]);
  fails("ERR_SHAPE", /^initial_h.shape must be \[1, 2, 5\]: got \[2, 1, 5\]/, [...all, null, null, zeros(2, 1, 5)]);
  fails(
    "ERR_SHAPE",
    /^initial_c.shape must be \[2, 1, 5\]: got \[1, 2, 5\]/,
    [zeros(2, 4, 3), W, R, null, null, null, zeros(1, 2, 5)],
    { layout: 1 },
  );
  fails("ERR_SHAPE", /^P.shape must be \[1, 15\]: got \[1, 5\]/, [...all, null, null, null, null, zeros(1, 5)]);
  fails("ERR_DTYPE", /^W must be float32, as X is: got float16/, [X, half(1, 20, 3), R]);
  fails("ERR_DTYPE", /^X must be float32, float16 or bfloat16: got int32/, [
    { data: new Int32Array(24), shape: [4, 2, 3] },
    W,
    R,
  ]);
  fails("ERR_VALUE", /^direction must be 'forward', 'reverse' or 'bidirectional': got "both"/, all, {
    direction: "both",
  });
  fails("ERR_ARGUMENT_TYPE", /^direction must be a string: got 1/, all, { direction: 1 });
  fails("ERR_VALUE", /^clip must be at least 0: got -1/, all, { clip: -1 });
  fails("ERR_VALUE", /^hidden_size must be an integer of at least 1: got 0/, all, { hidden_size: 0 });
  fails("ERR_VALUE", /^layout must be 0 or 1: got 2/, all, { layout: 2 });
  fails("ERR_VALUE", /^input_forget must be 0 or 1: got 2/, all, { input_forget: 2 });
  fails("ERR_VALUE", /^activations must have 3 names for LSTM: got 1/, all, { activations: ["Tanh"] });
  fails("ERR_VALUE", /^activations\[2\] must be one of Relu, Tanh.*: got "tanh"/, all, {
    activations: ["Sigmoid", "Tanh", "tanh"],
  });
  fails("ERR_ARGUMENT_TYPE", /^activations must be an array of strings: got "Tanh"/, all, { activations: "Tanh" });
  fails("ERR_VALUE", /^activation_alpha must have at most 1 values for these activations: got 2/, all, {
    activations: ["Sigmoid", "Elu", "Tanh"],
    activation_alpha: [1, 2],
  });
  fails("ERR_ARGUMENT_TYPE", /^activation_beta must be an array of finite numbers: got \["1"\]/, all, {
    activation_beta: ["1"],
  });
  // As the default of RNN, which names both directions
  RNN(engine, [X, zeros(1, 5, 3), zeros(1, 5, 5)], { activations: ["Tanh", "Tanh"] });
  assert.is(engine.info.memory.used, 0);
  engine.close();
});
errors.run();
